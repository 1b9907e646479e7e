// Activation rows as integers, for exact products with FP8 and FP4 weights (quantized_matmul.h).
//
//   kInt8Block32   for FP4 weights: |q| <= 127; 32 columns behind each other are a block
//   kInt16Block32  for FP8 weights: |q| <= 273; of every 128 columns, those with the same
//                  k / 4 mod 4 are a block, the `part`: in vectors of sixteen columns every part
//                  has its own lanes, so that blocks need no sums across lanes
//
//   scale = amax / limit of a block, q = round(x / scale), to nearest, ties to even
//
//   x    [cols]  f32  read; kInt8Block32: cols a multiple of 32
//   out  a stored row, every byte written; must not overlap x
//
// A stored row, with cols rounded up to a multiple of 128, everything zero there:
//   q       [cols] int8 or int16, the even columns of every 128 (int8) or 64 (int16) before the odd
//           ones: the order in which unpacking stored codes leaves them
//   scale   [cols / 32] f32, by block (int16: [128 columns, part]), of a unit of the integer
//           products: half the above for int8, whose FP4 partners are doubled; 2^-9 of it for
//           int16, whose FP8 partners are 512-fold
//   offset  [cols / 32] i32, int8 only: -12 sum of q; its FP4 partners have 12 added, to be
//   unsigned
//
// Numbers  the same bits from every instruction set. A block with an infinity or a NaN has scale
//          NaN.
// Error    |x - scale q| <= amax/254 or amax/546 of the block; the official FP8 activations
//          (blocks of 128) keep 3 bits behind the leading one, an error of up to |x|/16.
// Source   this project's: docs/numerics.md says what it costs beside the official rounding.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

enum class RowFormat { kInt8Block32, kInt16Block32 };

inline constexpr std::size_t kRowBlock = 32;
// 273 * 480 * 512 * 32 < 2^31: the sum of a block with any weight codes stays in 32 bits.
inline constexpr float kInt8Limit = 127, kInt16Limit = 273;

std::size_t QuantizedRowBytes(RowFormat format, std::size_t cols);

// Which of a row's q column k is.
constexpr std::size_t QuantizedPlace(RowFormat format, std::size_t k) {
  const std::size_t group = format == RowFormat::kInt8Block32 ? 128 : 64;
  return k / group * group + k % 2 * (group / 2) + k % group / 2;
}

// Which of a row's blocks column k is in.
constexpr std::size_t QuantizedBlock(RowFormat format, std::size_t k) {
  return format == RowFormat::kInt8Block32 ? k / kRowBlock : k / 128 * 4 + k / 4 % 4;
}

// out [QuantizedRowBytes], 4-byte aligned.
void QuantizeRow(RowFormat format, std::span<const float> x, std::byte* out);
// Row by row: x [rows, cols]; out [rows, QuantizedRowBytes].
void QuantizeRows(RowFormat format, View2<const float> x, View2<std::byte> out, Threads& threads);

namespace ref {
void QuantizeRow(RowFormat format, std::span<const float> x, std::byte* out);  // the same bits
// What a stored row means: x[k] = scale q[k], exactly.
void DequantizeRow(RowFormat format, const std::byte* row, std::span<double> x);
}  // namespace ref

}  // namespace hadal::kernels
