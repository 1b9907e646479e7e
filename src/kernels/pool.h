// The compressor's pooling: per channel, a softmax over the candidates' gate scores weighs their
// values.
//
//   y[c] = sum_r softmax_r(score[r,c]) * kv[r,c]
//
//   kv, score  [candidates, dim]  f32  read; a score of -inf takes part with weight zero
//   y          [dim]              f32  every element written
//
// Numbers  f32, maximum subtracted, candidates summed in order; channels are independent. The same
//          bits from every vector instruction set.
// Error    (2 candidates + 16) * 2^-24 * sum_r p[r] |kv[r]|, p the softmax.
// Caller   at least one candidate per channel with a finite score. Shapes agree: HADAL_CHECK. y
//          must not overlap the inputs.
// Source   DeepSeek-V4 inference/model.py, Compressor.forward; report eq. 9-12.
#pragma once
#include <span>

#include "tensor/view.h"

namespace hadal::kernels {

void PoolSoftmax(View2<const float> kv, View2<const float> score, std::span<float> y);
namespace ref {  // f64, rounded once
void PoolSoftmax(View2<const float> kv, View2<const float> score, std::span<float> y);
}

}  // namespace hadal::kernels
