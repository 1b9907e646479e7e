#include "model/latent_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attend_rows.h"
#include "kernels/rows.h"
#include "model/attention.h"
#include "model/entries.h"
#include "model/latent_indexer.h"
#include "model/linear.h"
#include "model/watch_rows.h"

namespace hadal::model {
namespace {

float ScoreScale(const arch::Config& c) {
  const double width = static_cast<double>(c.qk_nope_head_dim + c.qk_rope_head_dim);
  const double mscale = 0.1 * c.rope_scaling.mscale_all_dim * std::log(c.rope_scaling.factor) + 1;
  return static_cast<float>(mscale * mscale / std::sqrt(width));
}

// The last channels of every head.
void Rotate(const Pass& pass, std::size_t head_dim, View2<float> heads) {
  kernels::Rotate(heads, head_dim, pass.angles.base, kernels::Turn::kForward, pass.threads);
  RoundActs(pass, heads);
}

// y[t,h] = weights[h] x[t,h]; x, y [rows * heads, ..], a row's heads behind one another.
void ApplyHeads(const Pass& pass, View2<const float> x, std::span<const Weight* const> weights,
                View2<float> y, Arena& arena) {
  Arena::Scope scope(arena);
  const LinearInput input = PrepareUnrounded(pass, x, weights, scope);
  const std::size_t heads = weights.size(), rows = x.rows() / heads;
  LinearJobs jobs;
  for (std::size_t h = 0; h < heads; ++h)
    jobs.Add(pass, input.Every(heads, h, rows), *weights[h],
             View2<float>(y[h].data(), rows, y.cols(), heads * y.stride()));
  jobs.Run(pass);
}

// kv [rows, head_dim], the entry before it is rounded, is left rounded.
void StoreLatents(const Pass& pass, std::size_t layer, View2<float> kv, Arena& arena) {
  Arena::Scope scope(arena);
  kernels::StoreEntries(EntryFormatOf(pass), kv, PlacesOf(pass, layer, CompressedEntries, scope),
                        pass.threads);
}

// q~ [rows, heads * head_dim].
View2<float> AbsorbedQueries(const Pass& pass, const LatentAttention& attn,
                             View2<const float> q_latent, Arena::Scope& scope) {
  const arch::Config& c = pass.config;
  const std::size_t heads = c.num_attention_heads, rows = q_latent.rows() * heads;
  const std::size_t nope = c.qk_nope_head_dim, rope = c.qk_rope_head_dim;
  const View2<float> absorbed = scope.Take<float>(q_latent.rows(), heads * c.head_dim);
  Arena::Scope own(scope.arena());
  const View2<float> q = Linear(pass, q_latent, attn.wq_b, own);
  Rotate(pass, nope + rope, q);
  const View2<float> from(q.data(), rows, nope + rope), to(absorbed.data(), rows, c.head_dim);
  kernels::CopyRows(from.Cols(nope, rope), to.Cols(c.kv_lora_rank, rope), pass.threads);
  std::vector<const Weight*> uk;
  for (const OwnedMatrix& matrix : attn.heads.uk) uk.push_back(&matrix.view);
  ApplyHeads(pass, from.Cols(0, nope), uk, to.Cols(0, c.kv_lora_rank), scope.arena());
  return absorbed;
}

std::span<const kernels::AttendedEntries> AttendedBy(const Pass& pass, std::size_t layer,
                                                     const Selection& selection,
                                                     Arena::Scope& scope) {
  const std::span<kernels::AttendedEntries> rows =
      scope.Take<kernels::AttendedEntries>(pass.rows());
  for (std::size_t t = 0; t < rows.size(); ++t) {
    rows[t] = {};
    rows[t].compressed =
        CompressedEntries(pass, *pass.batch.chunks[pass.batch.chunk_of[t]].sequence, layer);
    rows[t].chosen = selection.Of(t);
    rows[t].compressed_count = rows[t].chosen.size();
  }
  return rows;
}

// In place of the queries: what the heads read, sum_j p_j entry_j.
void AttendRows(const Pass& pass, std::size_t layer, const Selection& selection, View2<float> q,
                Arena& arena) {
  Arena::Scope scope(arena);
  const arch::Config& c = pass.config;
  const std::span<float> sink = scope.Take<float>(c.num_attention_heads);
  std::ranges::fill(sink, -std::numeric_limits<float>::infinity());  // none
  const View2<float> scratch = scope.Take<float>(
      pass.threads.count(), kernels::AttendScratchFloats(sink.size(), c.head_dim));
  kernels::AttendRows(AttendedBy(pass, layer, selection, scope), EntryFormatOf(pass), ScoreScale(c),
                      sink, q, scratch, pass.threads);
  RoundActs(pass, q);
}

// o [rows, heads * head_dim], of which the latent part counts -> y [rows, dim].
void Output(const Pass& pass, const LatentAttention& attn, View2<const float> o, View2<float> y,
            Arena& arena) {
  Arena::Scope scope(arena);
  const arch::Config& c = pass.config;
  const std::size_t heads = c.num_attention_heads, rows = o.rows() * heads;
  const View2<float> values = scope.Take<float>(o.rows(), heads * c.v_head_dim);
  std::vector<const Weight*> uv;
  for (const Weight& weight : attn.heads.uv) uv.push_back(&weight);
  ApplyHeads(pass, View2<const float>(o.data(), rows, c.head_dim).Cols(0, c.kv_lora_rank), uv,
             {values.data(), rows, c.v_head_dim}, arena);
  Linear(pass, values, {{&attn.wo, y}}, arena);
}

void AttendPart(const Pass& pass, std::size_t layer, const LatentAttention& attn,
                View2<const float> x, View2<float> y, Arena& arena) {
  Arena::Scope scope(arena);
  const arch::Config& c = pass.config;
  const View2<float> q_latent = scope.Take<float>(x.rows(), c.q_lora_rank);
  const View2<float> kv = scope.Take<float>(x.rows(), c.head_dim);
  const View2<float> latent = kv.Cols(0, c.kv_lora_rank);
  Linear(pass, x, {{&attn.wq_a, q_latent}, {&attn.wkv_a, kv}}, arena);
  NormaliseRows(pass, q_latent, attn.q_norm, q_latent);
  NormaliseRows(pass, latent, attn.kv_norm, latent);
  Rotate(pass, c.head_dim, kv);
  WatchRows(pass, layer, kv);
  StoreLatents(pass, layer, kv, arena);

  const Selection selection = SelectTokens(pass, layer, attn.indexer, x, q_latent, scope);
  const View2<float> q = AbsorbedQueries(pass, attn, q_latent, scope);
  AttendRows(pass, layer, selection, q, arena);
  Output(pass, attn, q, y, arena);
}

}  // namespace

View2<const float> AttendLatents(const Pass& pass, std::size_t layer, const LatentAttention& attn,
                                 View2<const float> x, Arena::Scope& scope) {
  const View2<float> y = scope.Take<float>(x.rows(), x.cols());
  ForAttentionParts(pass, [&](const Pass& part, std::size_t begin) {
    AttendPart(part, layer, attn, x.Rows(begin, part.rows()), y.Rows(begin, part.rows()),
               scope.arena());
  });
  return y;
}

std::size_t AttendLatentsBytes(const arch::Config& c, std::size_t rows, std::size_t threads) {
  const std::size_t part = std::min(rows, kAttentionRows), heads = c.num_attention_heads;
  const std::size_t q_dim = heads * (c.qk_nope_head_dim + c.qk_rope_head_dim);
  const std::size_t kept =
      Arena::BytesOf<float>(part, c.q_lora_rank) + Arena::BytesOf<float>(part, c.head_dim);
  const std::size_t absorbing = Arena::BytesOf<float>(part, q_dim) +
                                std::max(LinearInputBytes(part, c.q_lora_rank),
                                         IntegerInputBytes(part * heads, c.qk_nope_head_dim));
  const std::size_t attending =
      Arena::BytesOf<float>(heads) + Arena::BytesOf<kernels::AttendedEntries>(part) +
      Arena::BytesOf<float>(threads, kernels::AttendScratchFloats(heads, c.head_dim));
  const std::size_t output = Arena::BytesOf<float>(part, heads * c.v_head_dim) +
                             std::max(IntegerInputBytes(part * heads, c.kv_lora_rank),
                                      LinearInputBytes(part, heads * c.v_head_dim));
  const std::size_t chosen =
      SelectionBytes(c, part) + std::max(SelectTokensBytes(c, part, threads),
                                         Arena::BytesOf<float>(part, heads * c.head_dim) +
                                             std::max({absorbing, attending, output}));
  return Arena::BytesOf<float>(rows, c.hidden_size) + kept +
         std::max(
             {LinearInputBytes(part, c.hidden_size), Arena::BytesOf<std::byte*>(part), chosen});
}

}  // namespace hadal::model
