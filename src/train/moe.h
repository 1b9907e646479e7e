// Mixture of experts: routing, the experts, and what keeps them balanced.
//
//   s_e      = sqrt(softplus(gate_e . x))
//   chosen   = the num_experts_per_tok largest s_e + bias_e (hash layers: the token's tid2eid)
//   weight_e = s_e / (sum of s over the chosen) * routed_scaling_factor
//   expert   = w2 (weight * silu(min(w1 x, limit)) * clamp(w3 x, -limit, limit))
//   y        = sum of the chosen experts + the shared expert (weight 1)
//
// The sequence-wise balance loss of a row of T tokens: sum_e f_e P_e with f_e = experts / (chosen *
// T) * (tokens routed to e) and P_e = mean over tokens of s_e / sum(s). It is 1 when perfectly
// balanced. Source: DeepSeek-V4 inference/model.py, Gate and MoE; DeepSeek-V3 report eq. 17-20.
#pragma once
#include <torch/torch.h>

#include "arch/config.h"
#include "train/linear.h"
#include "train/weights.h"

namespace hadal::train {

struct MoeResult {
  torch::Tensor y;             // [tokens, dim]
  torch::Tensor load;          // [experts] int64
  torch::Tensor balance_loss;  // scalar; undefined in a hash layer
};

// x [batch*tokens, dim]; ids [batch, tokens]: the token ids, for hash layers.
MoeResult Moe(const torch::Tensor& x, const torch::Tensor& ids, const MoeWeights& weights,
              const arch::Config& config, Products products);

}  // namespace hadal::train
