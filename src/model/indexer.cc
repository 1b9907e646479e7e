#include "model/indexer.h"

#include <algorithm>
#include <cmath>

#include "kernels/block_quant.h"
#include "kernels/hadamard.h"
#include "kernels/packed_index_scores.h"
#include "kernels/rows.h"
#include "model/choose.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/watch_rows.h"

namespace hadal::model {
namespace {

// Queries and keys both FP4 as stored, nothing else rounded: the scores can be had in integers.
bool UsesPackedScores(const Pass& pass) {
  return pass.numerics.packed_cache && pass.numerics.quantised_indexer &&
         !pass.numerics.bf16_activations && pass.config.index_head_dim <= kernels::kPackedIndexDim;
}

// The queries of a batch in the form that their scores take. q [rows, heads * dim] and w [rows,
// heads] are turned and rounded in place.
kernels::IndexQueries PrepareQueries(const Pass& pass, View2<float> q, View2<float> w,
                                     Arena::Scope& scope) {
  const std::size_t heads = pass.config.index_n_heads, dim = pass.config.index_head_dim;
  kernels::Rotate(q, dim, pass.angles.For(arch::kCsaRatio), kernels::Turn::kForward, pass.threads);
  RoundActs(pass, q);
  kernels::Hadamard(q, dim, pass.threads);
  RoundActs(pass, q);
  const auto factor =
      static_cast<float>(1 / std::sqrt(static_cast<double>(dim) * static_cast<double>(heads)));
  kernels::ScaleRows(factor, w, pass.threads);
  RoundActs(pass, w);
  kernels::IndexQueries queries{.format = KeyFormatOf(pass),
                                .rounding = pass.numerics.bf16_activations
                                                ? kernels::Rounding::kBf16
                                                : kernels::Rounding::kNone,
                                .q = q,
                                .w = w,
                                .packed = {}};
  if (!UsesPackedScores(pass)) {
    if (pass.numerics.quantised_indexer) kernels::RoundFp4(q, pass.threads);
    return queries;
  }
  const View2<std::byte> packed =
      scope.Take<std::byte>(q.rows(), kernels::PackedIndexQueryBytes(heads, dim));
  kernels::PackIndexQueries(q, w, packed, pass.threads);
  queries.packed = packed;
  return queries;
}

}  // namespace

Selection SelectEntries(const Pass& pass, std::size_t layer, const Indexer& indexer,
                        View2<const float> x, View2<const float> q_latent, Arena::Scope& scope) {
  const Choices choices = TakeChoices(pass, arch::kCsaRatio, scope);
  Compress(pass, layer, indexer.compressor, EntryKind::kIndexKey, x, scope.arena());
  Arena::Scope own(scope.arena());
  const View2<float> q = Linear(pass, q_latent, indexer.wq_b, own);
  const View2<float> w = Linear(pass, x, indexer.weights_proj, own);
  WatchRows(pass, layer, q);
  WatchRows(pass, layer, w);
  return Choose(pass, layer, arch::kCsaRatio, PrepareQueries(pass, q, w, own), choices,
                scope.arena());
}

std::size_t SelectEntriesBytes(const arch::Config& c, std::size_t rows, std::size_t threads) {
  const std::size_t q = Arena::BytesOf<float>(rows, c.index_n_heads * c.index_head_dim);
  const std::size_t w = Arena::BytesOf<float>(rows, c.index_n_heads);
  const std::size_t packed = Arena::BytesOf<std::byte>(
      rows, kernels::PackedIndexQueryBytes(c.index_n_heads, c.index_head_dim));
  const std::size_t select = ChooseBytes(c, arch::kCsaRatio, rows, threads);
  return std::max({CompressBytes(c, EntryKind::kIndexKey, rows, threads),
                   q + LinearInputBytes(rows, c.q_lora_rank),
                   q + w + LinearInputBytes(rows, c.hidden_size), q + w + packed + select});
}

}  // namespace hadal::model
