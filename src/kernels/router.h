// Expert choice and weights of one token.
//
//   s = sqrt(softplus(logits))
//   chosen: the k largest of s + bias (ties: the lower expert), or given
//   weight[e] = s[e] / sum over chosen s * scaling
//
//   logits   [experts]  f32  read
//   bias     [experts]  f32  read, for the choice only
//   ids      [k]        u32  ascending expert numbers, k <= experts
//   weights  [k]        f32  in the order of ids; every element written
//
// Numbers  s in f64, rounded to f32, and s + bias in f32: these are compared. The sum over the
//          chosen is in f64, in ascending order; a weight is rounded once. Scalar: one set of bits.
//          A logit that is NaN counts as the worst of all.
// Caller   sizes agree, given ids are distinct experts: HADAL_CHECK. No allocation.
// Source   DeepSeek-V4 inference/model.py, Gate.forward.
#pragma once
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

void RouteByScore(std::span<const float> logits, std::span<const float> bias, float scaling,
                  std::span<std::uint32_t> ids, std::span<float> weights);
// ids: given (hash-routed layers), distinct; sorted ascending in place.
void RouteGiven(std::span<const float> logits, float scaling, std::span<std::uint32_t> ids,
                std::span<float> weights);

// Row by row: logits [rows, experts]; ids, weights [rows, k].
void RouteByScore(View2<const float> logits, std::span<const float> bias, float scaling,
                  View2<std::uint32_t> ids, View2<float> weights, Threads& threads);
// The experts of row t are table[tokens[t]]: table [vocab, k].
void RouteByToken(View2<const float> logits, View2<const std::uint32_t> table,
                  std::span<const std::int32_t> tokens, float scaling, View2<std::uint32_t> ids,
                  View2<float> weights, Threads& threads);

namespace ref {  // all experts sorted by their scores; the same bits
void RouteByScore(std::span<const float> logits, std::span<const float> bias, float scaling,
                  std::span<std::uint32_t> ids, std::span<float> weights);
}

}  // namespace hadal::kernels
