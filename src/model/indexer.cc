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
#include "kernels/rows.h"
#include "model/compressor.h"
#include "model/entries.h"
#include "model/linear.h"

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

// The queries of a batch in the form that their scores take.
struct Queries {
  std::size_t layer;
  View2<const float> q;           // [rows, heads * dim]
  View2<const float> w;           // [rows, heads]
  View2<const std::byte> packed;  // [rows, packed query], or none
};

Queries PrepareQueries(const Pass& pass, std::size_t layer, View2<float> q, View2<float> w,
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
  if (!UsesPackedScores(pass)) {
    if (pass.numerics.fp4_indexer) kernels::RoundFp4(q, pass.threads);
    return {layer, q, w, {}};
  }
  const View2<std::byte> packed =
      scope.Take<std::byte>(q.rows(), kernels::PackedIndexQueryBytes(heads, dim));
  kernels::PackIndexQueries(q, w, packed, pass.threads);
  return {layer, q, w, packed};
}

// The scores of entries [begin, begin + scores.size()), which lie in one page.
void Score(const Pass& pass, const Queries& queries, std::size_t row, std::size_t begin,
           std::span<float> scores, WorkerScratch& worker) {
  const arch::Config& c = pass.config;
  const SequenceState& sequence = *pass.batch.chunks[pass.batch.chunk_of[row]].sequence;
  if (queries.packed.data() != nullptr)
    return kernels::PackedIndexScores(queries.packed[row].data(), c.index_n_heads, c.index_head_dim,
                                      IndexKey(pass, sequence, queries.layer, begin).data(),
                                      scores);
  const View2<float> keys(worker.tile.data(), scores.size(), c.index_head_dim);
  for (std::size_t j = 0; j < scores.size(); ++j)
    LoadIndexKey(pass, IndexKey(pass, sequence, queries.layer, begin + j), keys[j]);
  const View2<const float> q(queries.q[row].data(), c.index_n_heads, c.index_head_dim);
  const auto rounding =
      pass.numerics.bf16_activations ? kernels::Rounding::kBf16 : kernels::Rounding::kNone;
  kernels::IndexScores(q, queries.w[row], keys, rounding, scores);
}

// Scores pages [first, end) of the entries that a row sees and keeps the best in worker.topk.
void KeepBest(const Pass& pass, const Queries& queries, std::size_t row, std::size_t first,
              std::size_t end, WorkerScratch& worker) {
  const std::size_t visible = VisibleEntries(pass, row);
  const SequenceState& sequence = *pass.batch.chunks[pass.batch.chunk_of[row]].sequence;
  worker.topk.Reset();
  for (std::size_t page = first; page < end; ++page) {
    const std::size_t begin = page * kPageEntries;
    // Pages lie apart in memory: no processor finds the next one by itself.
    if (page + 1 < end)
      Prefetch(
          {IndexKey(pass, sequence, queries.layer, begin + kPageEntries).data(),
           std::min(kPageEntries, visible - begin - kPageEntries) * pass.layout.index_key_bytes});
    const std::span<float> scores = worker.scores.first(std::min(kPageEntries, visible - begin));
    Score(pass, queries, row, begin, scores, worker);
    worker.topk.Push(static_cast<std::uint32_t>(begin), scores);
  }
}

void Select(const Pass& pass, const Queries& queries, std::size_t row, WorkerScratch& worker,
            std::span<std::uint32_t> chosen) {
  const std::size_t visible = VisibleEntries(pass, row);
  if (visible <= chosen.size()) {
    std::iota(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(visible), 0u);
    return;
  }
  KeepBest(pass, queries, row, 0, Pages(visible), worker);
  std::ranges::copy(worker.topk.Finish(), chosen.begin());
}

// As Select, the pages shared out: which entries are best does not depend on who scored them.
void SelectTogether(const Pass& pass, const Queries& queries, std::size_t row,
                    std::span<std::uint32_t> chosen) {
  const std::size_t visible = VisibleEntries(pass, row), parts = pass.threads.count();
  if (visible <= chosen.size()) return Select(pass, queries, row, pass.workers[0], chosen);
  pass.threads.Run(parts, [&](std::size_t part) {
    KeepBest(pass, queries, row, Pages(visible) * part / parts, Pages(visible) * (part + 1) / parts,
             pass.workers[part]);
  });
  kernels::TopK& best = pass.workers[0].topk;
  for (std::size_t part = 1; part < parts; ++part) best.Push(pass.workers[part].topk);
  std::ranges::copy(best.Finish(), chosen.begin());
}

void SelectRows(const Pass& pass, const Queries& queries, View2<std::uint32_t> chosen) {
  if (pass.rows() == 1) return SelectTogether(pass, queries, 0, chosen[0]);
  pass.threads.ForEach(pass.rows(), [&](std::size_t worker, std::size_t t) {
    Select(pass, queries, t, pass.workers[worker], chosen[t]);
  });
}

}  // namespace

Selection SelectEntries(const Pass& pass, std::size_t layer, const Indexer& indexer,
                        View2<const float> x, View2<const float> q_latent, Arena::Scope& scope) {
  const View2<std::uint32_t> chosen = scope.Take<std::uint32_t>(x.rows(), pass.config.index_topk);
  const std::span<std::uint32_t> count = scope.Take<std::uint32_t>(x.rows());
  for (std::size_t t = 0; t < x.rows(); ++t)
    count[t] = static_cast<std::uint32_t>(std::min(VisibleEntries(pass, t), chosen.cols()));
  const Selection selection{chosen, count};

  Compress(pass, layer, indexer.compressor, EntryKind::kIndexKey, x, scope.arena());
  Arena::Scope own(scope.arena());
  const View2<float> q = Linear(pass, q_latent, indexer.wq_b, own);
  const View2<float> w = Linear(pass, x, indexer.weights_proj, own);
  SelectRows(pass, PrepareQueries(pass, layer, q, w, own), chosen);
  if (pass.observer != nullptr)
    for (std::size_t t = 0; t < x.rows(); ++t)
      pass.observer->Selected(pass.first_layer + layer, pass.batch.first_row + t, selection.Of(t));
  return selection;
}

std::size_t SelectionBytes(const arch::Config& config, std::size_t rows) {
  return Arena::BytesOf<std::uint32_t>(rows, config.index_topk) +
         Arena::BytesOf<std::uint32_t>(rows);
}

std::size_t SelectEntriesBytes(const arch::Config& c, std::size_t rows) {
  const std::size_t q = Arena::BytesOf<float>(rows, c.index_n_heads * c.index_head_dim);
  const std::size_t w = Arena::BytesOf<float>(rows, c.index_n_heads);
  const std::size_t packed = Arena::BytesOf<std::byte>(
      rows, kernels::PackedIndexQueryBytes(c.index_n_heads, c.index_head_dim));
  return std::max({CompressBytes(c, c.index_head_dim, rows),
                   q + LinearInputBytes(rows, c.q_lora_rank),
                   q + w + LinearInputBytes(rows, c.hidden_size), q + w + packed});
}

}  // namespace hadal::model
