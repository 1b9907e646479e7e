#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/attend_rows.h"
#include "kernels/rms_norm.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/indexer.h"
#include "model/linear.h"
#include "model/rings.h"
#include "model/watch_rows.h"

namespace hadal::model {
namespace {

void Rotate(const Pass& pass, std::size_t ratio, kernels::Turn turn, View2<float> heads) {
  kernels::Rotate(heads, pass.config.head_dim, pass.angles.For(ratio), turn, pass.threads);
  RoundActs(pass, heads);
}

// Every head: weightless RMS norm, then RoPE.
void PrepareQueries(const Pass& pass, std::size_t ratio, View2<float> q) {
  const auto rounding =
      pass.numerics.bf16_activations ? kernels::Rounding::kBf16 : kernels::Rounding::kNone;
  kernels::RmsNormHeads(q, pass.config.head_dim, static_cast<float>(pass.config.rms_norm_eps),
                        rounding, pass.threads);
  Rotate(pass, ratio, kernels::Turn::kForward, q);
}

// The batch's own window entries [rows, entry_bytes], kept apart from the ring until every row has
// read the old ones. kv [rows, head_dim] is changed by the rounding.
View2<const std::byte> MakeWindowEntries(const Pass& pass, View2<float> kv, Arena::Scope& scope) {
  const View2<std::byte> entries = scope.Take<std::byte>(kv.rows(), pass.layout.entry_bytes);
  Arena::Scope own(scope.arena());
  const std::span<std::byte*> to = own.Take<std::byte*>(kv.rows());
  for (std::size_t t = 0; t < to.size(); ++t) to[t] = entries[t].data();
  kernels::StoreEntries(EntryFormatOf(pass), kv, to, pass.threads);
  return entries;
}

void KeepWindow(const Pass& pass, std::size_t layer, View2<const std::byte> entries) {
  for (const BatchChunk& chunk : pass.batch.chunks)
    kernels::KeepInRing(entries.Rows(chunk.first_row, chunk.rows), chunk.first_position,
                        WindowRing(pass.layout, *chunk.sequence, layer));
}

// What the rows attend. entries: the batch's own window entries; selection: of a CSA layer.
std::span<const kernels::AttendedEntries> AttendedBy(const Pass& pass, std::size_t layer,
                                                     std::size_t ratio,
                                                     View2<const std::byte> entries,
                                                     const Selection& selection,
                                                     Arena::Scope& scope) {
  const std::span<kernels::AttendedEntries> rows =
      scope.Take<kernels::AttendedEntries>(pass.rows());
  const std::uint64_t window = pass.layout.window;
  const bool mtp = pass.layout.layers[layer].mtp;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const BatchChunk& chunk = pass.batch.chunks[pass.batch.chunk_of[t]];
    const std::uint64_t end = pass.batch.positions[t] + 1;
    rows[t] = {};
    rows[t].window = {WindowRing(pass.layout, *chunk.sequence, layer),
                      entries.Rows(chunk.first_row, chunk.rows), chunk.first_position};
    rows[t].window_begin = std::max(end > window ? end - window : 0,
                                    mtp ? chunk.sequence->mtp_first : std::uint64_t{0});
    rows[t].window_count = end - rows[t].window_begin;
    if (ratio == 0) continue;
    rows[t].compressed = CompressedEntries(pass, *chunk.sequence, layer);
    if (ratio == arch::kCsaRatio) rows[t].chosen = selection.Of(t);
    rows[t].compressed_count =
        ratio == arch::kCsaRatio ? rows[t].chosen.size() : static_cast<std::size_t>(end / ratio);
  }
  return rows;
}

// Attention of every row, in place of its queries.
void AttendRows(const Pass& pass, std::span<const kernels::AttendedEntries> rows,
                std::span<const float> sink, View2<float> q, Arena::Scope& scope) {
  const View2<float> scratch = scope.Take<float>(
      pass.threads.count(), kernels::AttendScratchFloats(sink.size(), pass.config.head_dim));
  const float scale = 1 / std::sqrt(static_cast<float>(pass.config.head_dim));
  kernels::AttendRows(rows, EntryFormatOf(pass), scale, sink, q, scratch, pass.threads);
}

// o [rows, heads * head_dim] -> y [rows, dim].
void GroupedOutput(const Pass& pass, const Attention& attn, View2<const float> o, View2<float> y,
                   Arena& arena) {
  Arena::Scope scope(arena);
  const arch::Config& c = pass.config;
  const View2<float> latent = scope.Take<float>(o.rows(), c.o_groups * c.o_lora_rank);
  const std::size_t group_dim = o.cols() / c.o_groups;
  {
    Arena::Scope inputs(arena);
    LinearJobs jobs;
    for (std::size_t g = 0; g < c.o_groups; ++g) {
      const Weight* wo_a = &attn.wo_a[g];
      jobs.Add(pass, PrepareUnrounded(pass, o.Cols(g * group_dim, group_dim), {&wo_a, 1}, inputs),
               *wo_a, latent.Cols(g * c.o_lora_rank, c.o_lora_rank));
    }
    jobs.Run(pass);
  }
  Linear(pass, latent, {{&attn.wo_b, y}}, arena);
}

void AttendPart(const Pass& pass, std::size_t layer, const Attention& attn, View2<const float> x,
                View2<float> y, Arena& arena) {
  Arena::Scope scope(arena);
  const View2<float> q_latent = scope.Take<float>(x.rows(), pass.config.q_lora_rank);
  const View2<float> kv = scope.Take<float>(x.rows(), pass.config.head_dim);
  Linear(pass, x, {{&attn.wq_a, q_latent}, {&attn.wkv, kv}}, arena);
  NormaliseRows(pass, q_latent, attn.q_norm, q_latent);
  NormaliseRows(pass, kv, attn.kv_norm, kv);

  const View2<float> q = Linear(pass, q_latent, attn.wq_b, scope);
  PrepareQueries(pass, attn.ratio, q);
  Rotate(pass, attn.ratio, kernels::Turn::kForward, kv);
  WatchRows(pass, layer, kv);
  const View2<const std::byte> entries = MakeWindowEntries(pass, kv, scope);

  if (attn.compressor) Compress(pass, layer, *attn.compressor, EntryKind::kAttention, x, arena);
  const Selection selection =
      attn.indexer ? SelectEntries(pass, layer, *attn.indexer, x, q_latent, scope) : Selection{};

  // Keys that carry a position are values here, so the outputs carry one too, and are turned back.
  {
    Arena::Scope rows(arena);
    AttendRows(pass, AttendedBy(pass, layer, attn.ratio, entries, selection, rows), attn.attn_sink,
               q, rows);
  }
  RoundActs(pass, q);
  Rotate(pass, attn.ratio, kernels::Turn::kInverse, q);
  KeepWindow(pass, layer, entries);
  GroupedOutput(pass, attn, q, y, arena);
}

std::size_t OutputBytes(const arch::Config& c, std::size_t rows) {
  const std::size_t group_dim = c.num_attention_heads / c.o_groups * c.head_dim;
  const std::size_t latent = c.o_groups * c.o_lora_rank;
  return Arena::BytesOf<float>(rows, latent) +
         std::max(c.o_groups * IntegerInputBytes(rows, group_dim), LinearInputBytes(rows, latent));
}

}  // namespace

View2<const float> Attend(const Pass& pass, std::size_t layer, const Attention& attn,
                          View2<const float> x, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  ForAttentionParts(pass, [&](const Pass& part, std::size_t begin) {
    AttendPart(part, layer, attn, x.Rows(begin, part.rows()), y.Rows(begin, part.rows()),
               scope.arena());
  });
  return y;
}

std::size_t AttendBytes(const arch::Config& c, const arch::KvLayout& layout, std::size_t rows,
                        std::size_t threads) {
  const std::size_t part = std::min(rows, kAttentionRows);
  const std::size_t heads = c.num_attention_heads;
  // What lies there throughout, and the most that one step takes beside it.
  const std::size_t kept = Arena::BytesOf<float>(part, c.q_lora_rank) +
                           Arena::BytesOf<float>(part, c.head_dim) +
                           Arena::BytesOf<float>(part, heads * c.head_dim) +
                           Arena::BytesOf<std::byte>(part, layout.entry_bytes);
  const std::size_t attending =
      Arena::BytesOf<kernels::AttendedEntries>(part) +
      Arena::BytesOf<float>(threads, kernels::AttendScratchFloats(heads, c.head_dim));
  const std::size_t selecting = SelectEntriesBytes(c, part, threads);
  return Arena::BytesOf<float>(rows, c.hidden_size) + kept +
         std::max(
             {LinearInputBytes(part, c.hidden_size), LinearInputBytes(part, c.q_lora_rank),
              CompressBytes(c, EntryKind::kAttention, part, threads),
              SelectionBytes(c, part) + std::max({selecting, attending, OutputBytes(c, part)})});
}

}  // namespace hadal::model
