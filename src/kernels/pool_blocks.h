// The compressor's pooling for a batch of blocks of `ratio` tokens, where their rows lie.
//
//   entry[b,:] = PoolSoftmax (pool.h) over the candidates of block b
//
// They are the tokens ratio * number .. + ratio - 1; where blocks overlap, these with the second
// half of their channels, and the `ratio` tokens before them (none before block 0) with the first.
//
//   blocks   [blocks]
//   entries  [blocks, dim]  f32  every element written
//
// Numbers  as pool.h; a block depends on its own candidates alone.
// Caller   rows of kv and score are dim wide, 2 dim where blocks overlap; scratch [threads,
//          PoolScratchFloats].
// Source   report, eq. 9-12; DeepSeek-V4 inference/model.py, Compressor.forward.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

// The rows of a sequence's newest tokens: a ring, and behind it the batch's own.
struct TokenRows {
  View2<const float> ring_kv, ring_score;  // position p in row p mod rows(), if p < first_new
  View2<const float> kv, score;            // position p in row p - first_new
  std::uint64_t first_new = 0;
};

struct PooledBlock {
  const TokenRows* tokens = nullptr;
  std::uint64_t number = 0;
};

struct PoolShape {
  std::size_t ratio = 0, dim = 0;
  bool overlaps = false;
};

std::size_t PoolScratchFloats(const PoolShape& shape);
void PoolBlocks(std::span<const PooledBlock> blocks, const PoolShape& shape, View2<float> entries,
                View2<float> scratch, Threads& threads);

namespace ref {  // by ref::PoolSoftmax
void PoolBlocks(std::span<const PooledBlock> blocks, const PoolShape& shape, View2<float> entries);
}

}  // namespace hadal::kernels
