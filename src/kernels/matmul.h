// Matrix products with weights in the format their file stores them.
//
//   y[t,n] = sum_k x[t,k] * w[n,k]
//
//   x  [tokens, cols]  f32  read
//   w  [rows, cols]    stored codes, decoded exactly, see Weight
//   y  [tokens, rows]  f32  every element written; must not overlap x
//
// Numbers  f32 sums in 16 lanes along k, one fixed tree at the end: an output depends on its x row and
//          its w row alone, not on tokens, other rows or threads; AVX2 and AVX-512 give the same bits.
//          Lane of column k: k mod 16; FP4: (k mod 128) / 8. FP8's scales, powers of two, are
//          multiplied into x, which changes no bit unless |x| * scale * 256 leaves float32's range.
// Error    |y - ref| <= (cols/16 + 8) * 2^-24 * sum_k |x w|.
// Caller   shapes agree (HADAL_CHECK). codes and scales may have any alignment.
// Cost     2 * tokens * rows * cols flops; the weight's bytes are read once per 64 tokens.
// Source   DeepSeek-V4 inference/kernel.py (fp8_gemm, fp4_gemm): same products, other summation order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

enum class WeightFormat {
  kF32,          // codes: float
  kBf16,         // codes: bfloat16
  kFp8Block128,  // codes: E4M3; scales: E8M0 [ceil(rows/128), ceil(cols/128)]
  kFp4E8m0x32,   // codes: two E2M1 a byte, low nibble the even column, [rows, cols/2];
                 // scales: E8M0 [rows, cols/32]; cols a multiple of 32
};

struct Weight {
  WeightFormat format = WeightFormat::kF32;
  std::size_t rows = 0, cols = 0;
  const std::byte* codes = nullptr;
  const std::byte* scales = nullptr;  // null for kF32, kBf16

  // kFp8Block128: where row 0 lies in its block of 128 rows (0..127); row r has the scales of block row
  // (first_row_in_block + r) / 128. Not 0 only in a view that Rows() cut out of a larger matrix.
  std::size_t first_row_in_block = 0;

  // kFp8Block128: the ceil(cols/128) scales of a row. The only way to find them: see above.
  const std::byte* Fp8ScaleRow(std::size_t row) const;
  std::size_t code_bytes() const;
  std::size_t scale_bytes() const;
  // Rows [begin, begin + count), any begin (o_lora_rank 64 cuts wo_a inside a block).
  Weight Rows(std::size_t begin, std::size_t count) const;
};

struct MatMulJob {
  View2<const float> x;
  Weight w;
  View2<float> y;
};

// All jobs in one parallel region: their weight rows are divided evenly among the threads.
void MatMul(std::span<const MatMulJob> jobs, Threads& threads);
void MatMul(View2<const float> x, const Weight& w, View2<float> y, Threads& threads);

// w[row, :] as float32; out [cols].
void DecodeWeightRow(const Weight& w, std::size_t row, std::span<float> out);

namespace ref {  // f64 sums over the decoded weights, rounded once
void MatMul(View2<const float> x, const Weight& w, View2<float> y);
}

}  // namespace hadal::kernels
