// Matrix products with weights in the format their file stores them.
//
//   y[t,n] = sum_k x[t,k] * w[n,k]
//
//   x  [tokens, cols]  f32  read
//   w  [rows, cols]    stored codes, decoded exactly, see StoredMatrix
//   y  [tokens, rows]  f32  every element written; must not overlap x
//
// Numbers  f32 sums in 16 lanes along k, one fixed tree at the end: an output depends on its x row
//          and its w row alone, not on tokens, other rows or threads; AVX2 and AVX-512 give the
//          same bits. Lane of column k: k mod 16; FP4: (k mod 128) / 8. FP8's scales are multiplied
//          into x, which for powers of two changes no bit unless |x| * scale * 256 leaves float32's
//          range.
// Error    |y - ref| <= (cols/16 + 9) * 2^-24 * sum_k |x w|.
// Caller   shapes agree (HADAL_CHECK). codes and scales may have any alignment.
// Cost     2 * tokens * rows * cols flops; the weight's bytes are read once per 64 tokens.
// Source   DeepSeek-V4 inference/kernel.py (fp8_gemm, fp4_gemm): same products, other summation
//          order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/stored_matrix.h"
#include "tensor/view.h"

namespace hadal::kernels {

// Any format but kI64; columns of FP4 a multiple of 32.
using Weight = StoredMatrix;

// FP8 or FP4 with scales that are powers of two: the default numerics multiply it with integers
// (products.h).
bool IsQuantized(StoredFormat format);

struct MatMulJob {
  View2<const float> x;
  Weight w;
  View2<float> y;
};

// All jobs in one parallel region: their weight rows are divided evenly among the threads.
void MatMul(std::span<const MatMulJob> jobs, Threads& threads);
void MatMul(View2<const float> x, const Weight& w, View2<float> y, Threads& threads);

namespace ref {  // f64 sums over the decoded weights, rounded once
void MatMul(View2<const float> x, const Weight& w, View2<float> y);
}

}  // namespace hadal::kernels
