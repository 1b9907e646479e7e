// Products with weight matrices.
//
//   Linear         y = x w^T                x [..., in], w [out, in]
//   GroupedLinear  y[i] = x[i] w[e]^T       x [rows, in], w [experts, out, in]; rows i of expert e
//   HeadGroups     y[:, g] = x[:, g] w[g]^T x [rows, groups, in], w [groups, out, in]
//
// With Products::kBf16 the inputs of every product, forward and backward, are rounded to BF16; sums
// and results are float32. kF32 takes any float type.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "train/matrix_product.h"

namespace hadal::train {

torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& w, Products products);

// Rows of expert e: offsets[e] .. offsets[e+1] - 1, possibly none.
torch::Tensor GroupedLinear(const torch::Tensor& x, const torch::Tensor& w,
                            const std::vector<std::int64_t>& offsets, Products products);

torch::Tensor HeadGroups(const torch::Tensor& x, const torch::Tensor& w, Products products);

namespace plain {  // train/plain.h
torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& w, Products products);
torch::Tensor GroupedLinear(const torch::Tensor& x, const torch::Tensor& w,
                            const std::vector<std::int64_t>& offsets, Products products);
torch::Tensor HeadGroups(const torch::Tensor& x, const torch::Tensor& w, Products products);
}  // namespace plain

}  // namespace hadal::train
