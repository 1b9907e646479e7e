// The lightning indexer's scores from FP4 queries and keys as stored (block_quant.h,
// EncodeIndexKey), in integers.
//
//   score[t,j] = sum_h w[t,h] * max(0, q[t,h,:] . key[j,:])
//
//   q      [rows, heads, dim]  f32  read, rounded to FP4 when packed; dim a multiple of 32
//   w      [rows, heads]       f32  read
//   keys   [n] keys of IndexKeyBytes(dim), one behind the other, decoded once for all rows
//   score  [rows, n]           f32  every element written; must not overlap the inputs
//
// Numbers  a dot is exact in each block of 32 channels; blocks are added in order in float32, then
//          the heads. Where the scales of a key's blocks, and of a query's, lie close together -
//          nearly always, after the Hadamard rotation - the blocks' sum is exact too, and one
//          integer sum computes it: the same bits, whichever way is taken. The same bits from every
//          vector instruction set, for any number of keys and rows at a time.
// Error    (heads + dim/32 + 3) * 2^-24 * sum_h |w[h]| sum_d |q key|, of the rounded queries and
//          keys.
// Caller   dim <= kPackedIndexDim, shapes agree: HADAL_CHECK. A query that is not a number has
//          scores that are not.
// Source   DeepSeek-V4 inference/model.py, Indexer.forward; kernel.py, fp4_quant.
#pragma once
#include <cstddef>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

inline constexpr std::size_t kPackedIndexDim = 1024;  // at most; a multiple of 32

std::size_t PackedIndexQueryBytes(std::size_t heads, std::size_t dim);
// out [PackedIndexQueryBytes], 4-byte aligned.
void PackIndexQuery(View2<const float> q, std::span<const float> w, std::byte* out);
// Row by row: q [rows, heads * dim], w [rows, heads], out [rows, PackedIndexQueryBytes].
void PackIndexQueries(View2<const float> q, View2<const float> w, View2<std::byte> out,
                      Threads& threads);
// queries [rows, PackedIndexQueryBytes], 4-byte aligned.
void PackedIndexScores(View2<const std::byte> queries, std::size_t heads, std::size_t dim,
                       const std::byte* keys, View2<float> score);

namespace ref {  // f64 sums over the rounded queries and decoded keys, rounded once
void PackedIndexScores(View2<const float> q, std::span<const float> w, const std::byte* keys,
                       std::span<float> score);
}

}  // namespace hadal::kernels
