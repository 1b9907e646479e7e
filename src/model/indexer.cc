#include "model/indexer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/prefetch.h"
#include "kernels/attention.h"
#include "kernels/block_quant.h"
#include "kernels/hadamard.h"
#include "kernels/index_scores.h"
#include "kernels/packed_index_scores.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/rope.h"

namespace hadal::model {
namespace {

constexpr std::size_t kPageEntries = arch::kPageTokens / arch::kCsaRatio;
static_assert(kPageEntries <= kernels::kAttentionTile);  // WorkerScratch::tile, scores

std::size_t VisibleEntries(const Pass& pass, std::size_t row) {
  return (pass.batch.positions[row] + 1) / arch::kCsaRatio;
}
std::size_t Pages(std::size_t entries) { return (entries + kPageEntries - 1) / kPageEntries; }

// Queries and keys both FP4 as stored, nothing else rounded: the scores can be had in integers.
bool UsesPackedScores(const Pass& pass) {
  return pass.numerics.packed_cache && pass.numerics.fp4_indexer &&
         !pass.numerics.bf16_activations && pass.config.index_head_dim <= kernels::kPackedIndexDim;
}

std::byte* PackedQuery(Pass& pass, std::size_t row) {
  const arch::Config& c = pass.config;
  return pass.work.packed_index_q.span().data() +
         row * kernels::PackedIndexQueryBytes(c.index_n_heads, c.index_head_dim);
}

View2<float> Heads(Pass& pass, std::size_t row) {
  const arch::Config& c = pass.config;
  return {pass.Rows(pass.work.index_q, c.index_n_heads * c.index_head_dim)[row].data(),
          c.index_n_heads, c.index_head_dim};
}

void PrepareQuery(Pass& pass, std::size_t row, View2<float> heads, std::span<float> w) {
  for (std::size_t h = 0; h < heads.rows(); ++h) {
    RotateHead(pass, row, heads[h], kernels::Turn::kForward);
    kernels::Hadamard(heads[h]);
    RoundActs(pass.numerics, heads[h]);
    if (pass.numerics.fp4_indexer && !UsesPackedScores(pass)) kernels::RoundFp4(heads[h]);
  }
  const auto factor = static_cast<float>(
      1 / std::sqrt(static_cast<double>(heads.cols()) * static_cast<double>(heads.rows())));
  for (float& v : w) v *= factor;
  RoundActs(pass.numerics, w);
  if (UsesPackedScores(pass)) kernels::PackIndexQuery(heads, w, PackedQuery(pass, row));
}

// The scores of entries [begin, begin + scores.size()), which lie in one page.
void Score(Pass& pass, std::size_t layer, std::size_t row, std::size_t begin,
           std::span<float> scores, WorkerScratch& worker) {
  const arch::Config& c = pass.config;
  const SequenceState& sequence = *pass.batch.chunks[pass.batch.chunk_of[row]].sequence;
  if (UsesPackedScores(pass))
    return kernels::PackedIndexScores(PackedQuery(pass, row), c.index_n_heads, c.index_head_dim,
                                      IndexKey(pass, sequence, layer, begin).data(), scores);
  const View2<float> keys = worker.tile.As(scores.size(), c.index_head_dim);
  for (std::size_t j = 0; j < scores.size(); ++j)
    LoadIndexKey(pass, IndexKey(pass, sequence, layer, begin + j), keys[j]);
  const View2<const float> q = Heads(pass, row);
  const std::span<const float> w = pass.Rows(pass.work.index_w, c.index_n_heads)[row];
  const auto rounding =
      pass.numerics.bf16_activations ? kernels::Rounding::kBf16 : kernels::Rounding::kNone;
  kernels::IndexScores(q, w, keys, rounding, scores);
}

// Scores pages [first, end) of the entries that a row sees and keeps the best in worker.topk.
void KeepBest(Pass& pass, std::size_t layer, std::size_t row, std::size_t first, std::size_t end,
              WorkerScratch& worker) {
  const std::size_t visible = VisibleEntries(pass, row);
  const SequenceState& sequence = *pass.batch.chunks[pass.batch.chunk_of[row]].sequence;
  worker.topk.Reset();
  for (std::size_t page = first; page < end; ++page) {
    const std::size_t begin = page * kPageEntries;
    // Pages lie apart in memory: no processor finds the next one by itself.
    if (page + 1 < end)
      Prefetch(
          {IndexKey(pass, sequence, layer, begin + kPageEntries).data(),
           std::min(kPageEntries, visible - begin - kPageEntries) * pass.layout.index_key_bytes});
    const std::span<float> scores =
        worker.scores.span().first(std::min(kPageEntries, visible - begin));
    Score(pass, layer, row, begin, scores, worker);
    worker.topk.Push(static_cast<std::uint32_t>(begin), scores);
  }
}

std::span<std::uint32_t> Chosen(Pass& pass, std::size_t row) {
  const std::size_t topk = pass.config.index_topk;
  return pass.work.selected.span().subspan(row * topk, topk);
}

void Select(Pass& pass, std::size_t layer, std::size_t row, WorkerScratch& worker) {
  const std::size_t visible = VisibleEntries(pass, row);
  const std::span<std::uint32_t> chosen = Chosen(pass, row);
  if (visible <= chosen.size()) {
    std::iota(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(visible), 0u);
    return;
  }
  KeepBest(pass, layer, row, 0, Pages(visible), worker);
  std::ranges::copy(worker.topk.Finish(), chosen.begin());
}

// As Select, the pages shared out: which entries are best does not depend on who scored them.
void SelectTogether(Pass& pass, std::size_t layer, std::size_t row) {
  const std::size_t visible = VisibleEntries(pass, row), parts = pass.threads.count();
  if (visible <= pass.config.index_topk) return Select(pass, layer, row, pass.work.workers[0]);
  pass.threads.Run(parts, [&](std::size_t part) {
    KeepBest(pass, layer, row, Pages(visible) * part / parts, Pages(visible) * (part + 1) / parts,
             pass.work.workers[part]);
  });
  kernels::TopK& best = pass.work.workers[0].topk;
  for (std::size_t part = 1; part < parts; ++part) best.Push(pass.work.workers[part].topk);
  std::ranges::copy(best.Finish(), Chosen(pass, row).begin());
}

}  // namespace

void SelectEntries(Pass& pass, std::size_t layer, const Indexer& indexer,
                   std::span<const float> frequencies, View2<const float> x,
                   View2<const float> q_latent) {
  const arch::Config& c = pass.config;
  Compress(pass, layer, indexer.compressor, EntryKind::kIndexKey, frequencies, x);
  const View2<float> q = pass.Rows(pass.work.index_q, c.index_n_heads * c.index_head_dim);
  const View2<float> w = pass.Rows(pass.work.index_w, c.index_n_heads);
  Linear(pass, q_latent, {{&indexer.wq_b, q}});
  Linear(pass, x, {{&indexer.weights_proj, w}});
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    PrepareQuery(pass, t, Heads(pass, t), w[t]);
    pass.work.selected_count[t] =
        static_cast<std::uint32_t>(std::min(VisibleEntries(pass, t), c.index_topk));
  });
  if (pass.rows() == 1)
    SelectTogether(pass, layer, 0);
  else
    ForEach(pass, pass.rows(),
            [&](WorkerScratch& worker, std::size_t t) { Select(pass, layer, t, worker); });
  if (pass.observer == nullptr) return;
  for (std::size_t t = 0; t < pass.rows(); ++t)
    pass.observer->Selected(
        layer, pass.first_row + t,
        pass.work.selected.span().subspan(t * c.index_topk, pass.work.selected_count[t]));
}

}  // namespace hadal::model
