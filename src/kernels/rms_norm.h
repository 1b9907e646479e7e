// RMSNorm of one row.
//
//   y[d] = x[d] / sqrt(mean(x^2) + eps) * gain[d]
//
//   x     [dim]  f32  read; may be y itself
//   gain  [dim]  f32  read; empty: no gain
//   y     [dim]  f32  every element written
//
// Numbers  f32 sums in 16 lanes, fixed tree; the row scaled first, then times the gain. The same
//          bits from every vector instruction set.
// Error    |y - ref| <= (dim/32 + 8) * 2^-24 * |ref|.
// Caller   sizes agree, dim > 0: HADAL_CHECK. Rows are independent.
// Source   arXiv:1910.07467; DeepSeek-V4 inference/model.py, RMSNorm.
#pragma once
#include <span>

#include "base/threads.h"
#include "kernels/rounding.h"
#include "tensor/view.h"

namespace hadal::kernels {

void RmsNorm(std::span<const float> x, std::span<const float> gain, float eps, std::span<float> y);
// Row by row: x, y [rows, dim].
void RmsNorm(View2<const float> x, std::span<const float> gain, float eps, View2<float> y,
             Threads& threads);

// 1 / sqrt(mean(x^2) + eps), summed as above.
float RmsScale(std::span<const float> x, float eps);

// The weightless norm of query heads as the official bfloat16 code computes it: squares, mean, sum
// with eps, root and product each rounded to bfloat16. x holds bfloat16 values; in place. The order
// of the sum may move the rounded mean by one step, and so a result by two.
// Source: DeepSeek-V4 inference/model.py, Attention.forward (q *= rsqrt(...)).
void RmsNormBf16Steps(std::span<float> x, float eps);

// Every head of every row by itself, without a gain, in place: x [rows, heads * head_dim].
void RmsNormHeads(View2<float> x, std::size_t head_dim, float eps, Rounding rounding,
                  Threads& threads);

namespace ref {  // f64 sums, rounded once
void RmsNorm(std::span<const float> x, std::span<const float> gain, float eps, std::span<float> y);
float RmsScale(std::span<const float> x, float eps);
void RmsNormBf16Steps(std::span<float> x, float eps);  // the sum of squares in f64
}  // namespace ref

}  // namespace hadal::kernels
