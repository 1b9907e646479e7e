#include "model/compressor.h"

#include <algorithm>

#include "kernels/hadamard.h"
#include "kernels/matmul.h"
#include "kernels/pool.h"
#include "kernels/rms_norm.h"
#include "kernels/rope.h"
#include "kernels/rows.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/rings.h"

namespace hadal::model {
namespace {

// One compressor of one layer at work on the batch.
struct Job {
  const Pass& pass;
  std::size_t layer, ratio, dim;  // dim: channels of an entry
  const Compressor& weights;
  EntryKind kind;
  const arch::TailLayout& tail;
  View2<const float> kv, score;  // [rows, width] of the batch's tokens
};

// The kv and score rows of a token that is in the chunk or still in the tail.
std::pair<std::span<const float>, std::span<const float>> RowsOf(const Job& job,
                                                                 const BatchChunk& chunk,
                                                                 std::uint64_t position) {
  if (position >= chunk.first_position) {
    const std::size_t row = chunk.first_row + (position - chunk.first_position);
    return {job.kv[row], job.score[row]};
  }
  const TailRows rows = TailOf(job.tail, *chunk.sequence);
  return {rows.kv[position % job.tail.rows], rows.score[position % job.tail.rows]};
}

// Gathers the candidates of entry `block` and pools them.
void Pool(const Job& job, const BatchChunk& chunk, std::uint64_t block, WorkerScratch& worker,
          std::span<float> entry) {
  const bool overlaps = job.ratio == arch::kCsaRatio;
  const std::uint64_t first = block * job.ratio;
  const std::uint64_t begin = overlaps && block > 0 ? first - job.ratio : first;
  const std::size_t candidates = first + job.ratio - begin;
  const View2<float> kv(worker.pool_kv.data(), candidates, job.dim);
  const View2<float> score(worker.pool_score.data(), candidates, job.dim);
  for (std::size_t r = 0; r < candidates; ++r) {
    const auto [token_kv, token_score] = RowsOf(job, chunk, begin + r);
    // Halves: a token's first half of channels serves the block after its own.
    const std::size_t half = overlaps && begin + r >= first ? job.dim : 0;
    std::ranges::copy(token_kv.subspan(half, job.dim), kv[r].begin());
    std::ranges::copy(token_score.subspan(half, job.dim), score[r].begin());
  }
  kernels::PoolSoftmax(kv, score, entry);
}

// Entry `number` of a chunk's sequence, which the chunk completes.
struct Block {
  const BatchChunk* chunk;
  std::uint64_t number;
};

std::span<const Block> CompletedBlocks(const Pass& pass, std::size_t ratio, Arena::Scope& scope) {
  const auto completed = [&](const BatchChunk& chunk) {
    return std::pair(chunk.first_position / ratio, (chunk.first_position + chunk.rows) / ratio);
  };
  std::size_t count = 0;
  for (const BatchChunk& chunk : pass.batch.chunks)
    count += completed(chunk).second - completed(chunk).first;
  const std::span<Block> blocks = scope.Take<Block>(count);
  auto next = blocks.begin();
  for (const BatchChunk& chunk : pass.batch.chunks)
    for (auto [number, end] = completed(chunk); number < end; ++number) *next++ = {&chunk, number};
  return blocks;
}

// Turns entries by the positions where their blocks begin.
void RotateEntries(const Job& job, std::span<const Block> blocks, View2<float> entries,
                   Arena& arena) {
  Arena::Scope scope(arena);
  const std::span<const float> frequencies = job.pass.tables.For(job.ratio);
  const std::span<std::uint64_t> positions = scope.Take<std::uint64_t>(blocks.size());
  std::ranges::transform(blocks, positions.begin(),
                         [&](const Block& block) { return block.number * job.ratio; });
  const View2<float> cos = scope.Take<float>(blocks.size(), frequencies.size());
  const View2<float> sin = scope.Take<float>(blocks.size(), frequencies.size());
  kernels::RopeAngles(positions, frequencies, cos, sin, job.pass.threads);
  kernels::Rotate(entries, job.dim, {cos, sin}, kernels::Turn::kForward, job.pass.threads);
  RoundActs(job.pass, entries);
}

void StoreEntries(const Job& job, std::span<const Block> blocks, View2<float> entries) {
  const Pass& pass = job.pass;
  pass.threads.Run(blocks.size(), [&](std::size_t i) {
    const auto [chunk, number] = blocks[i];
    if (job.kind == EntryKind::kAttention)
      StoreEntry(pass, entries[i], CompressedEntry(pass, *chunk->sequence, job.layer, number));
    else
      StoreIndexKey(pass, entries[i], IndexKey(pass, *chunk->sequence, job.layer, number));
  });
}

void EmitEntries(const Job& job, Arena& arena) {
  Arena::Scope scope(arena);
  const Pass& pass = job.pass;
  const std::span<const Block> blocks = CompletedBlocks(pass, job.ratio, scope);
  if (blocks.empty()) return;
  const View2<float> entries = scope.Take<float>(blocks.size(), job.dim);
  pass.threads.ForEach(blocks.size(), [&](std::size_t worker, std::size_t i) {
    Pool(job, *blocks[i].chunk, blocks[i].number, pass.workers[worker], entries[i]);
  });
  RoundActs(pass, entries);
  NormaliseRows(pass, entries, job.weights.norm, entries);
  RotateEntries(job, blocks, entries, arena);
  if (job.kind == EntryKind::kIndexKey) {
    kernels::Hadamard(entries, job.dim, pass.threads);
    RoundActs(pass, entries);
  }
  StoreEntries(job, blocks, entries);
}

void KeepTails(const Job& job) {
  for (const BatchChunk& chunk : job.pass.batch.chunks) {
    const TailRows rows = TailOf(job.tail, *chunk.sequence);
    const std::size_t kept = std::min(chunk.rows, job.tail.rows);
    for (std::size_t i = chunk.rows - kept; i < chunk.rows; ++i) {
      const std::size_t slot = (chunk.first_position + i) % job.tail.rows;
      std::ranges::copy(job.kv[chunk.first_row + i], rows.kv[slot].begin());
      std::ranges::copy(job.score[chunk.first_row + i], rows.score[slot].begin());
    }
  }
}

// Every token's ape, by its place in its block.
void AddPlaces(const Pass& pass, std::size_t ratio, std::span<const float> ape, View2<float> score,
               Arena& arena) {
  Arena::Scope scope(arena);
  const std::span<std::uint32_t> places = scope.Take<std::uint32_t>(score.rows());
  std::ranges::transform(pass.batch.positions, places.begin(), [&](std::uint64_t position) {
    return static_cast<std::uint32_t>(position % ratio);
  });
  kernels::AddPicked({ape.data(), ratio, score.cols()}, places, score, pass.threads);
}

}  // namespace

void Compress(const Pass& pass, std::size_t layer, const Compressor& compressor, EntryKind kind,
              View2<const float> x, Arena& arena) {
  Arena::Scope scope(arena);
  const arch::LayerLayout& layout = pass.layout.layers[layer];
  const bool main = kind == EntryKind::kAttention;
  const arch::TailLayout& tail = main ? layout.tail : layout.index_tail;
  const View2<float> kv = scope.Take<float>(x.rows(), tail.width);
  const View2<float> score = scope.Take<float>(x.rows(), tail.width);
  const kernels::MatMulJob products[] = {{x, compressor.wkv, kv}, {x, compressor.wgate, score}};
  kernels::MatMul(products, pass.threads);
  AddPlaces(pass, layout.ratio, compressor.ape, score, arena);
  const Job job{.pass = pass,
                .layer = layer,
                .ratio = layout.ratio,
                .dim = main ? pass.config.head_dim : pass.config.index_head_dim,
                .weights = compressor,
                .kind = kind,
                .tail = tail,
                .kv = kv,
                .score = score};
  EmitEntries(job, arena);
  KeepTails(job);
}

std::size_t CompressBytes(const arch::Config& c, std::size_t entry_dim, std::size_t rows) {
  // A chunk of one token completes one entry at most: no batch completes more than its rows.
  return 2 * Arena::BytesOf<float>(rows, 2 * entry_dim) + Arena::BytesOf<Block>(rows) +
         Arena::BytesOf<float>(rows, entry_dim) + Arena::BytesOf<std::uint64_t>(rows) +
         2 * Arena::BytesOf<float>(rows, c.qk_rope_head_dim / 2);
}

}  // namespace hadal::model
