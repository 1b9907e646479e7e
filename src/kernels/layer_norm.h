// LayerNorm of rows, with a gain and a bias.
//
//   y[d] = (x[d] - mean(x)) / sqrt(variance(x) + eps) * gain[d] + bias[d]
//
//   x, y        [rows, dim]  f32  y may be x itself; every element written
//   gain, bias  [dim]        f32  read
//
// Numbers  sums in f64, the result rounded once: its own definition, one set of bits.
// Caller   sizes agree, dim > 0: HADAL_CHECK. Rows are independent.
// Source   arXiv:1607.06450; DeepSeek-V3.2-Exp inference/model.py, LayerNorm.
#pragma once
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

void LayerNorm(View2<const float> x, std::span<const float> gain, std::span<const float> bias,
               float eps, View2<float> y, Threads& threads);

namespace ref {  // one row: the definition
void LayerNorm(std::span<const float> x, std::span<const float> gain, std::span<const float> bias,
               float eps, std::span<float> y);
}

}  // namespace hadal::kernels
