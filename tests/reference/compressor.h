// Compressed key-value entries and the indexer that selects among them.
//
//   ratio 128: entry b = sum over its tokens of softmax(g + ape) * kv, per channel
//   ratio 4:   over eight candidates: the first-half channels of block b-1's tokens and the
//              second-half channels of block b's; block 0 has its own four only
//   then RMSNorm, RoPE at the block's first position; visible to p when b < (p + 1) / ratio
//   indexer:   s_b = sum_h w_h max(0, q_h . k_b); the topk largest among the visible
#pragma once
#include "reference/rope.h"

namespace hadal::reference {

// One entry a complete block of x (the tokens from position 0), normalised and rotated.
Rows CompressBlocks(const Compressor& w, std::size_t ratio, const Rows& x, const Rope& rope,
                    const Config& config, const Rules& rules, const Rounding& round);

// How many blocks position p may see.
std::size_t VisibleBlocks(std::size_t p, std::size_t ratio, const Rules& rules);

struct Selection {
  std::vector<std::size_t> entries;  // in descending score
  double margin = 1e30;  // as SelectionMargin; 1e30 where everything visible is selected
};

// For every position: the entries it attends to. query_latents: wq_a's normalised output.
std::vector<Selection> SelectEntries(const Indexer& w, const Rows& x, const Rows& query_latents,
                                     const Rope& rope, const Config& config, const Rules& rules,
                                     const Rounding& round);

}  // namespace hadal::reference
