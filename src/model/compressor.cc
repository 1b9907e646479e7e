#include "model/compressor.h"

#include <algorithm>
#include <limits>

#include "kernels/hadamard.h"
#include "kernels/matmul.h"
#include "kernels/pool.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "model/entries.h"
#include "model/linear.h"

namespace hadal::model {
namespace {

struct TailRows {
  View2<float> kv, score;  // [ring rows, width]; token t in row t mod rows
};

TailRows TailOf(const SequenceState& sequence, const arch::TailLayout& tail) {
  const auto at = [&](std::size_t offset) {
    return View2<float>(reinterpret_cast<float*>(sequence.fixed.data() + offset), tail.rows,
                        tail.width);
  };
  return {at(tail.kv_offset), at(tail.score_offset)};
}

// One compressor of one layer at work on the batch.
struct Job {
  Pass& pass;
  std::size_t layer, ratio, dim;  // dim: channels of an entry
  const Compressor& weights;
  EntryKind kind;
  std::span<const float> frequencies;
  const arch::TailLayout& tail;
  View2<float> kv, score;  // [rows, width] of the batch's tokens
};

// The kv and score rows of a token that is in the chunk or still in the tail.
std::pair<std::span<const float>, std::span<const float>> RowsOf(const Job& job,
                                                                 const BatchChunk& chunk,
                                                                 std::uint64_t position) {
  if (position >= chunk.first_position) {
    const std::size_t row = chunk.first_row + (position - chunk.first_position);
    return {job.kv[row], job.score[row]};
  }
  const TailRows rows = TailOf(*chunk.sequence, job.tail);
  return {rows.kv[position % job.tail.rows], rows.score[position % job.tail.rows]};
}

// Gathers the candidates of entry `block` and pools them into worker.entry.
void Pool(const Job& job, const BatchChunk& chunk, std::uint64_t block, WorkerScratch& worker) {
  const bool overlaps = job.ratio == arch::kCsaRatio;
  const std::uint64_t first = block * job.ratio;
  const std::uint64_t begin = overlaps && block > 0 ? first - job.ratio : first;
  const std::size_t candidates = first + job.ratio - begin;
  const View2<float> kv = worker.pool_kv.As(candidates, job.dim);
  const View2<float> score = worker.pool_score.As(candidates, job.dim);
  for (std::size_t r = 0; r < candidates; ++r) {
    const auto [token_kv, token_score] = RowsOf(job, chunk, begin + r);
    // Halves: a token's first half of channels serves the block after its own.
    const std::size_t half = overlaps && begin + r >= first ? job.dim : 0;
    std::ranges::copy(token_kv.subspan(half, job.dim), kv[r].begin());
    std::ranges::copy(token_score.subspan(half, job.dim), score[r].begin());
  }
  kernels::PoolSoftmax(kv, score, worker.entry.span().first(job.dim));
}

void EmitEntry(const Job& job, const BatchChunk& chunk, std::uint64_t block,
               WorkerScratch& worker) {
  const Pass& pass = job.pass;
  const std::span<float> entry = worker.entry.span().first(job.dim);
  Pool(job, chunk, block, worker);
  RoundActs(pass.numerics, entry);
  kernels::RmsNorm(entry, job.weights.norm, static_cast<float>(pass.config.rms_norm_eps), entry);
  RoundActs(pass.numerics, entry);
  kernels::RopeAngles(block * job.ratio, job.frequencies, worker.cos.span(), worker.sin.span());
  const std::span<float> rotary = entry.last(pass.config.qk_rope_head_dim);
  kernels::Rotate(rotary, worker.cos.span(), worker.sin.span(), kernels::Turn::kForward);
  RoundActs(pass.numerics, rotary);
  if (job.kind == EntryKind::kAttention) {
    StoreEntry(pass, entry, CompressedEntry(pass, *chunk.sequence, job.layer, block));
    return;
  }
  kernels::Hadamard(entry);
  RoundActs(pass.numerics, entry);
  StoreIndexKey(pass, entry, IndexKey(pass, *chunk.sequence, job.layer, block));
}

// The entries that a chunk completes are [first, end).
std::pair<std::uint64_t, std::uint64_t> CompletedBlocks(const BatchChunk& chunk,
                                                        std::size_t ratio) {
  return {chunk.first_position / ratio, (chunk.first_position + chunk.rows) / ratio};
}

void EmitEntries(Job& job) {
  for (const BatchChunk& chunk : job.pass.batch.chunks) {
    const auto [first, end] = CompletedBlocks(chunk, job.ratio);
    ForEach(job.pass, end - first, [&, first = first](WorkerScratch& worker, std::size_t i) {
      EmitEntry(job, chunk, first + i, worker);
    });
  }
}

void KeepTails(Job& job) {
  for (const BatchChunk& chunk : job.pass.batch.chunks) {
    const TailRows rows = TailOf(*chunk.sequence, job.tail);
    const std::size_t kept = std::min(chunk.rows, job.tail.rows);
    for (std::size_t i = chunk.rows - kept; i < chunk.rows; ++i) {
      const std::size_t slot = (chunk.first_position + i) % job.tail.rows;
      std::ranges::copy(job.kv[chunk.first_row + i], rows.kv[slot].begin());
      std::ranges::copy(job.score[chunk.first_row + i], rows.score[slot].begin());
    }
  }
}

}  // namespace

void Compress(Pass& pass, std::size_t layer, const Compressor& compressor, EntryKind kind,
              std::span<const float> frequencies, View2<const float> x) {
  const arch::LayerLayout& layout = pass.layout.layers[layer];
  const bool main = kind == EntryKind::kAttention;
  const arch::TailLayout& tail = main ? layout.tail : layout.index_tail;
  const std::size_t dim = main ? pass.config.head_dim : pass.config.index_head_dim;
  Job job{pass,
          layer,
          layout.ratio,
          dim,
          compressor,
          kind,
          frequencies,
          tail,
          pass.Rows(main ? pass.work.pool_kv : pass.work.index_kv, tail.width),
          pass.Rows(main ? pass.work.pool_score : pass.work.index_score, tail.width)};
  const kernels::MatMulJob products[] = {{x, compressor.wkv, job.kv},
                                         {x, compressor.wgate, job.score}};
  kernels::MatMul(products, pass.threads);
  ForEach(pass, pass.rows(), [&](WorkerScratch&, std::size_t t) {
    const std::size_t r = pass.batch.positions[t] % job.ratio;
    for (std::size_t c = 0; c < tail.width; ++c)
      job.score[t][c] += compressor.ape[r * tail.width + c];
  });
  EmitEntries(job);
  KeepTails(job);
}

}  // namespace hadal::model
