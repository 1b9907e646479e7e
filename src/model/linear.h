// Linear layers with the roundings of the pass's numerics.
#pragma once
#include <initializer_list>

#include "kernels/matmul.h"
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

struct LinearOut {
  const Weight* weight;
  View2<float> y;
};

enum class LinearInput {
  kQuantize,  // as numerics.fp8_linear_inputs says, in front of FP8 and FP4 weights
  kExact,     // never quantised (wo_a)
};

// y = w x for several weights of one input, each rounded to the activation type.
void Linear(Pass& pass, View2<const float> x, std::initializer_list<LinearOut> outs,
            LinearInput input = LinearInput::kQuantize);
// Jobs of different inputs in one parallel region; their inputs are already as the weights want them.
void LinearJobs(Pass& pass, std::span<const kernels::MatMulJob> jobs);

// x as an FP8 or FP4 weight sees it: x itself, or a quantised copy in work.quantized.
View2<const float> LinearInputOf(Pass& pass, View2<const float> x, const Weight& weight);

// Rounds to the activation type: bfloat16, or nothing.
void RoundActs(Pass& pass, View2<float> x);
inline void RoundActs(const Numerics& numerics, std::span<float> x);

}  // namespace hadal::model

#include "kernels/block_quant.h"

inline void hadal::model::RoundActs(const Numerics& numerics, std::span<float> x) {
  if (numerics.bf16_activations) kernels::RoundBf16(x);
}
