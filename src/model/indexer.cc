#include "model/indexer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/attention.h"
#include "kernels/block_quant.h"
#include "kernels/hadamard.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/rope.h"

namespace hadal::model {
namespace {

constexpr std::size_t kScoreTile = kernels::kAttentionTile;

void PrepareQuery(Pass& pass, std::size_t row, std::span<float> heads) {
  const std::size_t dim = pass.config.index_head_dim;
  for (std::size_t h = 0; h < pass.config.index_n_heads; ++h) {
    const std::span<float> head = heads.subspan(h * dim, dim);
    RotateHead(pass, row, head, kernels::Turn::kForward);
    kernels::Hadamard(head);
    RoundActs(pass.numerics, head);
    if (pass.numerics.fp4_indexer) kernels::RoundFp4(head);
  }
}

// Scores the visible entries tile by tile and keeps the best.
std::span<const std::uint32_t> BestEntries(Pass& pass, std::size_t layer, std::size_t row,
                                           std::size_t visible, WorkerScratch& worker) {
  const Config& c = pass.config;
  const SequenceState& sequence = *pass.batch.chunks[pass.batch.chunk_of[row]].sequence;
  const View2<const float> q(
      pass.Rows(pass.work.index_q, c.index_n_heads * c.index_head_dim)[row].data(), c.index_n_heads,
      c.index_head_dim);
  const std::span<const float> w = pass.Rows(pass.work.index_w, c.index_n_heads)[row];
  const auto rounding =
      pass.numerics.bf16_activations ? kernels::Rounding::kBf16 : kernels::Rounding::kNone;
  worker.topk.Reset();
  for (std::size_t begin = 0; begin < visible; begin += kScoreTile) {
    const std::size_t count = std::min(kScoreTile, visible - begin);
    const View2<float> keys = worker.tile.As(count, c.index_head_dim);
    for (std::size_t j = 0; j < count; ++j)
      LoadIndexKey(pass, IndexKey(pass, sequence, layer, begin + j), keys[j]);
    const std::span<float> scores = worker.scores.span().first(count);
    kernels::IndexScores(q, w, keys, rounding, scores);
    worker.topk.Push(static_cast<std::uint32_t>(begin), scores);
  }
  return worker.topk.Finish();
}

void Select(Pass& pass, std::size_t layer, std::size_t row, WorkerScratch& worker) {
  const std::size_t topk = pass.config.index_topk;
  const std::size_t visible = (pass.batch.positions[row] + 1) / kCsaRatio;
  const std::span<std::uint32_t> chosen = pass.work.selected.span().subspan(row * topk, topk);
  pass.work.selected_count[row] = static_cast<std::uint32_t>(std::min(visible, topk));
  if (visible <= topk) {
    std::iota(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(visible), 0u);
    return;
  }
  std::ranges::copy(BestEntries(pass, layer, row, visible, worker), chosen.begin());
}

}  // namespace

void SelectEntries(Pass& pass, std::size_t layer, const Indexer& indexer,
                   std::span<const float> frequencies, View2<const float> x,
                   View2<const float> q_latent) {
  const Config& c = pass.config;
  Compress(pass, layer, indexer.compressor, EntryKind::kIndexKey, frequencies, x);
  const View2<float> q = pass.Rows(pass.work.index_q, c.index_n_heads * c.index_head_dim);
  const View2<float> w = pass.Rows(pass.work.index_w, c.index_n_heads);
  Linear(pass, q_latent, {{&indexer.wq_b, q}});
  Linear(pass, x, {{&indexer.weights_proj, w}});
  const auto factor = static_cast<float>(
      1 / std::sqrt(static_cast<double>(c.index_head_dim) * static_cast<double>(c.index_n_heads)));
  ForEach(pass, pass.rows(), [&](WorkerScratch& worker, std::size_t t) {
    PrepareQuery(pass, t, q[t]);
    for (float& v : w[t]) v *= factor;
    RoundActs(pass.numerics, w[t]);
    Select(pass, layer, t, worker);
  });
  if (pass.observer == nullptr) return;
  for (std::size_t t = 0; t < pass.rows(); ++t)
    pass.observer->Selected(
        layer, t, pass.work.selected.span().subspan(t * c.index_topk, pass.work.selected_count[t]));
}

}  // namespace hadal::model
