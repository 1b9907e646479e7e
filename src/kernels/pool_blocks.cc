#include "kernels/pool_blocks.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/copy.h"
#include "kernels/pool.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace {

struct TokenRow {
  std::span<const float> kv, score;
};

TokenRow RowOf(const TokenRows& tokens, std::uint64_t position) {
  if (position >= tokens.first_new) {
    const std::size_t row = position - tokens.first_new;
    return {tokens.kv[row], tokens.score[row]};
  }
  const std::size_t row = position % tokens.ring_kv.rows();
  return {tokens.ring_kv[row], tokens.ring_score[row]};
}

struct Candidates {
  View2<float> kv, score;
};

// A block's candidates, copied behind one another into memory.
Candidates Gather(const PooledBlock& block, const PoolShape& shape, std::span<float> memory) {
  const std::uint64_t first = block.number * shape.ratio;
  const std::uint64_t begin = shape.overlaps && block.number > 0 ? first - shape.ratio : first;
  const std::size_t count = first + shape.ratio - begin;
  const Candidates candidates{{memory.data(), count, shape.dim},
                              {memory.data() + PoolScratchFloats(shape) / 2, count, shape.dim}};
  for (std::size_t r = 0; r < count; ++r) {
    const TokenRow row = RowOf(*block.tokens, begin + r);
    const std::size_t half = shape.overlaps && begin + r >= first ? shape.dim : 0;
    CopyTo(row.kv.subspan(half, shape.dim), candidates.kv[r]);
    CopyTo(row.score.subspan(half, shape.dim), candidates.score[r]);
  }
  return candidates;
}

}  // namespace

std::size_t PoolScratchFloats(const PoolShape& shape) {
  return std::size_t{2} * (shape.overlaps ? 2 : 1) * shape.ratio * shape.dim;
}

void PoolBlocks(std::span<const PooledBlock> blocks, const PoolShape& shape, View2<float> entries,
                View2<float> scratch, Threads& threads) {
  HADAL_CHECK(entries.rows() == blocks.size() && entries.cols() == shape.dim);
  HADAL_CHECK(scratch.rows() >= threads.count());
  HADAL_CHECK(scratch.cols() >= PoolScratchFloats(shape));
  const double numbers = static_cast<double>(PoolScratchFloats(shape));
  threads.ForEach(blocks.size(), kExponents * numbers, [&](std::size_t worker, std::size_t b) {
    const Candidates candidates = Gather(blocks[b], shape, scratch[worker]);
    PoolSoftmax(candidates.kv, candidates.score, entries[b]);
  });
}

namespace ref {

void PoolBlocks(std::span<const PooledBlock> blocks, const PoolShape& shape, View2<float> entries) {
  std::vector<float> memory(PoolScratchFloats(shape));
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const Candidates candidates = Gather(blocks[b], shape, memory);
    ref::PoolSoftmax(candidates.kv, candidates.score, entries[b]);
  }
}

}  // namespace ref
}  // namespace hadal::kernels
