#include "model/attention.h"

#include <algorithm>
#include <cmath>

#include "base/prefetch.h"
#include "kernels/attention.h"
#include "kernels/rms_norm.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/indexer.h"
#include "model/linear.h"
#include "model/rings.h"

namespace hadal::model {
namespace {

constexpr std::size_t kTile = kernels::kAttentionTile;

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

// The batch's own window entries [rows, entry_bytes], kept apart from the ring until every row has read
// the old ones. kv [rows, head_dim] is changed by the rounding.
View2<const std::byte> MakeWindowEntries(const Pass& pass, View2<float> kv, Arena::Scope& scope) {
  const View2<std::byte> entries = scope.Take<std::byte>(kv.rows(), pass.layout.entry_bytes);
  pass.threads.Run(kv.rows(), [&](std::size_t t) { StoreEntry(pass, kv[t], entries[t]); });
  return entries;
}

void KeepWindow(const Pass& pass, std::size_t layer, View2<const std::byte> entries) {
  for (const BatchChunk& chunk : pass.batch.chunks) {
    const std::size_t kept = std::min(chunk.rows, pass.layout.window);
    for (std::size_t i = chunk.rows - kept; i < chunk.rows; ++i)
      std::ranges::copy(
          entries[chunk.first_row + i],
          WindowSlot(pass.layout, *chunk.sequence, layer, chunk.first_position + i).begin());
  }
}

// What the rows of a batch attend beside the sequences' state.
struct Attended {
  std::size_t layer, ratio;
  View2<const std::byte> entries;  // the batch's own window entries
  Selection selection;             // of a CSA layer
};

// The entries that one row attends, as a list: window positions ascending, then compressed entries
// ascending. Its order and the places where tiles are cut depend on the position alone.
class EntryList {
 public:
  EntryList(const Pass& pass, const Attended& attended, std::size_t row)
      : pass_(pass), attended_(attended), chunk_(pass.batch.chunks[pass.batch.chunk_of[row]]) {
    const std::uint64_t position = pass.batch.positions[row];
    const std::uint64_t window = pass.layout.window;
    window_begin_ = position + 1 > window ? position + 1 - window : 0;
    window_count_ = position + 1 - window_begin_;
    const std::size_t ratio = attended.ratio;
    if (ratio == arch::kCsaRatio) chosen_ = attended.selection.Of(row);
    compressed_count_ = ratio == 0                 ? 0
                        : ratio == arch::kCsaRatio ? chosen_.size()
                                                   : (position + 1) / ratio;
  }

  std::size_t size() const { return window_count_ + compressed_count_; }

  std::span<const std::byte> operator[](std::size_t index) const {
    if (index < window_count_) return Window(window_begin_ + index);
    std::uint64_t entry = index - window_count_;
    if (!chosen_.empty()) entry = chosen_[entry];
    return CompressedEntry(pass_, *chunk_.sequence, attended_.layer, entry);
  }

 private:
  std::span<const std::byte> Window(std::uint64_t position) const {
    if (position >= chunk_.first_position)
      return attended_.entries[chunk_.first_row + (position - chunk_.first_position)];
    return WindowSlot(pass_.layout, *chunk_.sequence, attended_.layer, position);
  }

  const Pass& pass_;
  const Attended& attended_;
  const BatchChunk& chunk_;
  std::span<const std::uint32_t> chosen_;  // empty: all
  std::uint64_t window_begin_ = 0;
  std::size_t window_count_ = 0, compressed_count_ = 0;
};

// Some heads of one row.
void AttendRow(const Pass& pass, const EntryList& list, std::span<const float> sink,
               View2<const float> q, View2<float> out, WorkerScratch& worker) {
  const float scale = 1 / std::sqrt(static_cast<float>(q.cols()));
  kernels::AttentionState state{worker.head_max.first(q.rows()), worker.head_sum.first(q.rows()),
                                View2<float>(worker.weighted.data(), q.rows(), q.cols())};
  kernels::AttendBegin(state);
  for (std::size_t begin = 0; begin < list.size(); begin += kTile) {
    const View2<float> tile(worker.tile.data(), std::min(kTile, list.size() - begin), q.cols());
    for (std::size_t j = 0; j < tile.rows(); ++j) LoadEntry(pass, list[begin + j], tile[j]);
    for (std::size_t j = begin + kTile; j < std::min(begin + 2 * kTile, list.size()); ++j)
      Prefetch(list[j]);
    kernels::AttendTile(q, tile, scale, state);
  }
  kernels::AttendEnd(sink, state, out);
}

// Attention of every row, in place of its queries.
void AttendRows(const Pass& pass, const Attended& attended, std::span<const float> sink,
                View2<float> q) {
  const std::size_t head_dim = pass.config.head_dim, heads = pass.config.num_attention_heads;
  // A single row's heads are shared out.
  const std::size_t parts = pass.rows() == 1 ? std::min(heads, pass.threads.count()) : 1;
  pass.threads.ForEach(pass.rows() * parts, [&](std::size_t worker, std::size_t item) {
    const std::size_t t = item / parts, part = item % parts;
    const std::size_t first = heads * part / parts, count = heads * (part + 1) / parts - first;
    const View2<float> some(q[t].data() + first * head_dim, count, head_dim);
    AttendRow(pass, EntryList(pass, attended, t), sink.subspan(first, count), some, some,
              pass.workers[worker]);
  });
}

// wo_a's inputs are never rounded to FP8: the official code multiplies them in bfloat16.
LinearInput GroupInput(const Pass& pass, View2<const float> x, const Weight& wo_a,
                       Arena::Scope& scope) {
  if (!TakesIntegers(pass.numerics, wo_a)) return {.plain = x, .rounded = x, .integers = {}};
  const Weight* weight = &wo_a;
  return PrepareInput(pass, x, {&weight, 1}, scope);
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
    for (std::size_t g = 0; g < c.o_groups; ++g)
      jobs.Add(pass, GroupInput(pass, o.Cols(g * group_dim, group_dim), attn.wo_a[g], inputs),
               attn.wo_a[g], latent.Cols(g * c.o_lora_rank, c.o_lora_rank));
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
  Attended attended{layer, attn.ratio, MakeWindowEntries(pass, kv, scope), {}};

  if (attn.compressor) Compress(pass, layer, *attn.compressor, EntryKind::kAttention, x, arena);
  if (attn.indexer)
    attended.selection = SelectEntries(pass, layer, *attn.indexer, x, q_latent, scope);

  // Keys that carry a position are values here, so the outputs carry one too, and are turned back.
  AttendRows(pass, attended, attn.attn_sink, q);
  RoundActs(pass, q);
  Rotate(pass, attn.ratio, kernels::Turn::kInverse, q);
  KeepWindow(pass, layer, attended.entries);
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
  for (std::size_t begin = 0; begin < x.rows(); begin += kAttentionRows) {
    const std::size_t count = std::min(kAttentionRows, x.rows() - begin);
    const Batch part = pass.batch.Rows(begin, count);
    AttendPart(pass.Part(part), layer, attn, x.Rows(begin, count), y.Rows(begin, count),
               scope.arena());
  }
  return y;
}

std::size_t AttendBytes(const arch::Config& c, const arch::KvLayout& layout, std::size_t rows) {
  const std::size_t part = std::min(rows, kAttentionRows);
  // What lies there throughout, and the most that one step takes beside it.
  const std::size_t kept = Arena::BytesOf<float>(part, c.q_lora_rank) +
                           Arena::BytesOf<float>(part, c.head_dim) +
                           Arena::BytesOf<float>(part, c.num_attention_heads * c.head_dim) +
                           Arena::BytesOf<std::byte>(part, layout.entry_bytes);
  return Arena::BytesOf<float>(rows, c.hidden_size) + kept + SelectionBytes(c, part) +
         std::max({LinearInputBytes(part, c.hidden_size), LinearInputBytes(part, c.q_lora_rank),
                   CompressBytes(c, c.head_dim, part), SelectEntriesBytes(c, part),
                   OutputBytes(c, part)});
}

}  // namespace hadal::model
