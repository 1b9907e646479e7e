// Attention of one token's heads over a list of entries that are keys and values at once, with a
// sink: a per-head logit that joins the denominator only.
//
//   z[h,j] = scale * q[h,:] . kv[j,:]
//   out[h,:] = sum_j exp(z[h,j]) kv[j,:] / (sum_j exp(z[h,j]) + exp(sink[h]))
//
// The entries come in tiles of at most kAttentionTile rows, in a fixed order; the running maximum,
// sum and weighted sum are kept in an AttentionState, so scratch does not grow with their number.
//
//   q     [heads, head_dim]  f32  read
//   kv    [n, head_dim]      f32  read, n <= kAttentionTile
//   sink  [heads]            f32  read
//   out   [heads, head_dim]  f32  every element written
//
// Numbers  f32; dot products in 16 lanes with a fixed tree; sums over entries in list order. The
//          bits depend on the order and on where tiles begin, so callers cut tiles at fixed list
//          positions.
// Error    relative to sum_j p_j |kv_j|: (entries + head_dim/16 + 32) * 2^-24.
// Caller   AttendBegin, AttendTile for each tile, AttendEnd. At least one entry in all. Shapes
//          agree: HADAL_CHECK. Nothing overlaps.
// Source   DeepSeek-V4 inference/kernel.py, sparse_attn; online softmax arXiv:1805.02867.
#pragma once
#include <span>

#include "tensor/view.h"

namespace hadal::kernels {

inline constexpr std::size_t kAttentionTile = 64;

struct AttentionState {       // memory is the caller's
  std::span<float> max, sum;  // [heads]
  View2<float> weighted;      // [heads, head_dim]
};

void AttendBegin(AttentionState& state);
void AttendTile(View2<const float> q, View2<const float> kv, float scale, AttentionState& state);
void AttendEnd(std::span<const float> sink, const AttentionState& state, View2<float> out);

namespace ref {  // f64, all entries at once
void Attend(View2<const float> q, View2<const float> kv, float scale, std::span<const float> sink,
            View2<float> out);
}

}  // namespace hadal::kernels
