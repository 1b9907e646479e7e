// Expert choice and weights of one token.
//
//   s = sqrt(softplus(logits));  chosen: the k largest of s + bias (ties: the lower expert), or given
//   weight[e] = s[e] / sum over chosen s * scaling
//
//   logits  [experts]  f32;  bias [experts] f32, for the choice only
//   ids     [k]        ascending expert numbers;  weights [k] in the same order
//
// Source  DeepSeek-V4 inference/model.py, Gate.forward.
#pragma once
#include <cstdint>
#include <span>

namespace hadal::kernels {

void RouteByScore(std::span<const float> logits, std::span<const float> bias, float scaling,
                  std::span<std::uint32_t> ids, std::span<float> weights);
// ids: given (hash-routed layers), distinct; sorted ascending in place.
void RouteGiven(std::span<const float> logits, float scaling, std::span<std::uint32_t> ids,
                std::span<float> weights);

}  // namespace hadal::kernels
