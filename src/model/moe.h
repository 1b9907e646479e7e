// The mixture of experts of one layer.
//
//   s = sqrt(softplus(gate x)); chosen by s + bias, or by the token's id (hash-routed layers)
//   y = sum_e w2_e(silu(min(w1_e x, limit)) * clamp(w3_e x, +-limit) * weight_e) + shared(x)
//
// Tokens of one expert are multiplied together; a token's sum begins with the shared expert and goes on
// with its own in ascending order. Source: FACTS.md D6; DeepSeek-V4 inference/model.py, MoE, Gate, Expert.
#pragma once
#include "model/pass.h"
#include "model/weights.h"

namespace hadal::model {

// work.x [rows, dim] -> work.sub_out [rows, dim].
void MixExperts(Pass& pass, std::size_t layer, const Moe& moe);

}  // namespace hadal::model
