// Linear layers with the roundings of the pass's numerics.
#pragma once
#include <initializer_list>
#include <optional>
#include <vector>

#include "kernels/block_quant.h"
#include "kernels/matmul.h"
#include "kernels/quantized_matmul.h"
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// Rounds to the activation type: bfloat16, or nothing.
void RoundActs(Pass& pass, View2<float> x);
inline void RoundActs(const arch::Numerics& numerics, std::span<float> x) {
  if (numerics.bf16_activations) kernels::RoundBf16(x);
}

// Whether the numerics give this weight integer inputs.
bool TakesIntegers(const arch::Numerics& numerics, const Weight& weight);

// The integer rows of x, in work.inputs behind those made since the last ForgetIntegers.
kernels::QuantizedRows IntegerRows(Pass& pass, View2<const float> x, const Weight& weight);
void ForgetIntegers(Pass& pass);
bool HasRoomForIntegers(const Pass& pass, View2<const float> x, const Weight& weight);

// Products of any kind, run together.
struct LinearJobs {
  std::vector<kernels::MatMulJob> floats;
  std::vector<kernels::QuantizedMatMulJob> integers;
  void Run(Pass& pass);  // and rounds the outputs to the activation type
};

struct LinearOut {
  const Weight* weight;
  View2<float> y;
};

enum class LinearInput {
  kQuantize,  // as numerics.fp8_linear_inputs says, in front of FP8 and FP4 weights
  kExact,     // never as FP8 (wo_a)
};

// y = w x for several weights of one input, each rounded to the activation type.
void Linear(Pass& pass, View2<const float> x, std::initializer_list<LinearOut> outs,
            LinearInput input = LinearInput::kQuantize);

// x as an FP8 or FP4 weight sees it in float32: x itself, or a quantised copy in work.inputs.
View2<const float> LinearInputOf(Pass& pass, View2<const float> x, const Weight& weight);

}  // namespace hadal::model
