// Expert choice and weights of one token, with sigmoid scores and a choice of groups first.
//
//   s = sigmoid(logits);  b = s + bias
//   The experts are cut into `groups` consecutive groups, each scored by the sum of its two largest
//   b; the kept_groups best stay. Of their experts the k largest b are chosen (ties: the lower
//   one).
//   weight[e] = s[e] / sum over chosen s * scaling
//
//   logits   [experts]  f32  read
//   bias     [experts]  f32  read, for the choice only
//   ids      [k]        u32  ascending expert numbers
//   weights  [k]        f32  in the order of ids; every element written
//
// Numbers  s in f64, rounded to f32, and b and the groups' sums in f32: these are compared. The sum
//          over the chosen is in f64, in ascending order; a weight is rounded once. Scalar: one set
//          of bits. A NaN counts as the worst of all.
// Caller   groups divide the experts; k fits into the kept groups: HADAL_CHECK.
// Source   DeepSeek-V3.2-Exp inference/model.py, Gate.forward (scoring sigmoid, noaux_tc).
#pragma once
#include <cstdint>
#include <span>

#include "base/threads.h"
#include "tensor/view.h"

namespace hadal::kernels {

struct ExpertGroups {
  std::size_t groups = 1, kept = 1;
};

void RouteByGroups(std::span<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, std::span<std::uint32_t> ids,
                   std::span<float> weights);
// Row by row: logits [rows, experts]; ids, weights [rows, k].
void RouteByGroups(View2<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, View2<std::uint32_t> ids,
                   View2<float> weights, Threads& threads);

namespace ref {  // every group and every expert sorted by its score; the same bits
void RouteByGroups(std::span<const float> logits, std::span<const float> bias,
                   const ExpertGroups& groups, float scaling, std::span<std::uint32_t> ids,
                   std::span<float> weights);
}

}  // namespace hadal::kernels
