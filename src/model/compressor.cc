#include "model/compressor.h"

#include <algorithm>

#include "kernels/hadamard.h"
#include "kernels/matmul.h"
#include "kernels/pool_blocks.h"
#include "kernels/rope.h"
#include "kernels/rows.h"
#include "model/entries.h"
#include "model/linear.h"
#include "model/rings.h"
#include "model/watch_rows.h"

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

// Entry `number` of a chunk's sequence, which the chunk completes.
struct Block {
  const BatchChunk* chunk;
  std::uint64_t number;
};

// The row whose token completes it.
std::size_t LastRowOf(const Block& block, std::size_t ratio) {
  const std::uint64_t position = (block.number + 1) * ratio - 1;
  return block.chunk->first_row + static_cast<std::size_t>(position - block.chunk->first_position);
}

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

kernels::PoolShape PoolShapeOf(std::size_t ratio, std::size_t dim) {
  return {.ratio = ratio, .dim = dim, .overlaps = ratio == arch::kCsaRatio};
}

// One pooled vector a block, into entries [blocks, dim].
void Pool(const Job& job, std::span<const Block> blocks, View2<float> entries, Arena& arena) {
  Arena::Scope scope(arena);
  const std::vector<BatchChunk>& chunks = job.pass.batch.chunks;
  const std::span<kernels::TokenRows> tokens = scope.Take<kernels::TokenRows>(chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const TailRows tail = TailOf(job.tail, *chunks[i].sequence);
    tokens[i] = {tail.kv, tail.score, job.kv.Rows(chunks[i].first_row, chunks[i].rows),
                 job.score.Rows(chunks[i].first_row, chunks[i].rows), chunks[i].first_position};
  }
  const std::span<kernels::PooledBlock> pooled = scope.Take<kernels::PooledBlock>(blocks.size());
  std::ranges::transform(blocks, pooled.begin(), [&](const Block& block) {
    return kernels::PooledBlock{&tokens[static_cast<std::size_t>(block.chunk - chunks.data())],
                                block.number};
  });
  const kernels::PoolShape shape = PoolShapeOf(job.ratio, job.dim);
  const View2<float> scratch =
      scope.Take<float>(job.pass.threads.count(), kernels::PoolScratchFloats(shape));
  kernels::PoolBlocks(pooled, shape, entries, scratch, job.pass.threads);
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

void Store(const Job& job, std::span<const Block> blocks, View2<float> entries, Arena& arena) {
  Arena::Scope scope(arena);
  const Pass& pass = job.pass;
  const std::span<std::byte*> to = scope.Take<std::byte*>(blocks.size());
  const auto places = [&](const SequenceState& sequence) {
    return job.kind == EntryKind::kAttention ? CompressedEntries(pass, sequence, job.layer)
                                             : IndexKeys(pass, sequence, job.layer);
  };
  std::ranges::transform(blocks, to.begin(), [&](const Block& block) {
    return places(*block.chunk->sequence)[block.number];
  });
  if (job.kind == EntryKind::kAttention)
    kernels::StoreEntries(EntryFormatOf(pass), entries, to, pass.threads);
  else
    kernels::StoreEntries(KeyFormatOf(pass), entries, to, pass.threads);
}

void EmitEntries(const Job& job, Arena& arena) {
  Arena::Scope scope(arena);
  const Pass& pass = job.pass;
  const std::span<const Block> blocks = CompletedBlocks(pass, job.ratio, scope);
  if (blocks.empty()) return;
  const View2<float> entries = scope.Take<float>(blocks.size(), job.dim);
  Pool(job, blocks, entries, arena);
  RoundActs(pass, entries);
  NormaliseRows(pass, entries, job.weights.norm, entries);
  RotateEntries(job, blocks, entries, arena);
  if (job.kind == EntryKind::kIndexKey) {
    kernels::Hadamard(entries, job.dim, pass.threads);
    RoundActs(pass, entries);
  }
  // What is pooled has been looked at; this finds what the norm's weights do to it.
  WatchRows(pass, job.layer, entries,
            [&](std::size_t b) { return LastRowOf(blocks[b], job.ratio); });
  Store(job, blocks, entries, arena);
}

void KeepTails(const Job& job) {
  for (const BatchChunk& chunk : job.pass.batch.chunks) {
    const TailRows tail = TailOf(job.tail, *chunk.sequence);
    kernels::KeepInRing(job.kv.Rows(chunk.first_row, chunk.rows), chunk.first_position, tail.kv);
    kernels::KeepInRing(job.score.Rows(chunk.first_row, chunk.rows), chunk.first_position,
                        tail.score);
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
  AddPlaces(pass, layout.kind.ratio, compressor.ape, score, arena);
  WatchRows(pass, layer, kv);
  WatchRows(pass, layer, score);
  const Job job{.pass = pass,
                .layer = layer,
                .ratio = layout.kind.ratio,
                .dim = main ? pass.config.head_dim : pass.config.index_head_dim,
                .weights = compressor,
                .kind = kind,
                .tail = tail,
                .kv = kv,
                .score = score};
  EmitEntries(job, arena);
  KeepTails(job);
}

std::size_t CompressBytes(const arch::Config& c, EntryKind kind, std::size_t rows,
                          std::size_t threads) {
  const bool main = kind == EntryKind::kAttention;
  const std::size_t entry_dim = main ? c.head_dim : c.index_head_dim;
  std::size_t pool_scratch = 0;
  for (const std::size_t ratio : c.compress_ratios)
    if (ratio == arch::kCsaRatio || (main && ratio != 0))
      pool_scratch =
          std::max(pool_scratch, kernels::PoolScratchFloats(PoolShapeOf(ratio, entry_dim)));
  // A chunk of one token completes one entry at most: no batch completes more than its rows.
  const std::size_t pool = Arena::BytesOf<kernels::TokenRows>(rows) +
                           Arena::BytesOf<kernels::PooledBlock>(rows) +
                           Arena::BytesOf<float>(threads, pool_scratch);
  const std::size_t rotate =
      Arena::BytesOf<std::uint64_t>(rows) + 2 * Arena::BytesOf<float>(rows, c.qk_rope_head_dim / 2);
  return 2 * Arena::BytesOf<float>(rows, 2 * entry_dim) + Arena::BytesOf<Block>(rows) +
         Arena::BytesOf<float>(rows, entry_dim) + std::max(pool, rotate);
}

}  // namespace hadal::model
