// Matrix products of integer activations (quantized_row.h) with FP8 and FP4 weights, exact but for
// the sums over blocks.
//
//   y[t,n] = sum_b  scale_x[t,b] scale_w[n,b]  sum_{k in b} q[t,k] code[n,k]
//
//   x  [rows]          quantised rows, int8 for FP4 and int16 for FP8 weights
//   w  [n, cols]       stored codes
//   y  [tokens, n]     f32  every element written; must not overlap x
//
// Numbers  the sum over a block b of 32 columns (quantized_row.h says which) is exact in 32-bit
//          integers; then, in f32, sum[b mod 4] = fma(float(block), scale_x scale_w, sum[b mod 4]),
//          blocks in order, and (s0 + s1) + (s2 + s3) at the end. Same bits from every instruction
//          set and from plain C++, for any tokens and threads. An E4M3 NaN counts as 480; an E8M0
//          NaN gives NaN.
// Error    beside the activations' rounding (blocks / 4 + 3) * 2^-24 * sum_b |term|.
// Caller   shapes and formats agree (HADAL_CHECK).
// Cost     2 * tokens * n * cols operations; a weight's bytes are read once per 128 tokens.
// Source   the products are those of DeepSeek-V4 inference/kernel.py, fp8_gemm and fp4_gemm, whose
//          activations are E4M3; integers instead of them are this project's (docs/numerics.md).
#pragma once
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "kernels/matmul.h"
#include "kernels/quantized_row.h"
#include "tensor/view.h"

namespace hadal::kernels {

struct QuantizedRows {
  RowFormat format = RowFormat::kInt8Block32;
  std::size_t cols = 0;
  const std::byte* data = nullptr;
  std::size_t stride = 0;               // bytes
  std::span<const std::uint32_t> pick;  // token t is row pick[t]; empty: row t
  const std::byte* Row(std::size_t token) const {
    return data + (pick.empty() ? token : pick[token]) * stride;
  }
};

struct QuantizedMatMulJob {
  QuantizedRows x;
  Weight w;
  View2<float> y;  // [tokens, w.rows]
};

// The rows that such a weight multiplies, as the table of products.h says.
RowFormat RowFormatFor(StoredFormat format);

// All jobs in one parallel region: their weight rows are divided evenly among the threads.
void MatMul(std::span<const QuantizedMatMulJob> jobs, Threads& threads);

namespace ref {  // f64 sums over what the integers and codes mean, rounded once
void MatMul(const QuantizedMatMulJob& job);
}

}  // namespace hadal::kernels
