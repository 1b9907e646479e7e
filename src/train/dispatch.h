// Moving rows to the experts and back: assignments sorted by expert, and the sum of each token's
// results.
//
// An assignment a = token * chosen + j is the j-th expert of a token; its place is its index in the
// order sorted by expert, ties by token.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace hadal::train {

struct Dispatch {
  torch::Tensor tokens;       // [assignments] int64, by place: whose row this is
  torch::Tensor assignments;  // [assignments] int64, by place
  torch::Tensor places;       // [tokens, chosen] int64: where a token's assignments went
  std::vector<std::int64_t>
      offsets;  // [experts + 1]: places of expert e are offsets[e] .. offsets[e+1]-1
};

// ids: [tokens, chosen] int64, each in [0, experts). The plan's tensors are where ids is.
Dispatch PlanDispatch(const torch::Tensor& ids, std::int64_t experts);

// y[i] = x[rows[i]]. places [rows of x, k] says where each row of x went, every place once.
torch::Tensor GatherRows(const torch::Tensor& x, const torch::Tensor& rows,
                         const torch::Tensor& places);

// y[t] = sum_j x[places[t, j]]; rows[i] is the token of place i.
torch::Tensor CombineRows(const torch::Tensor& x, const torch::Tensor& rows,
                          const torch::Tensor& places);

}  // namespace hadal::train
