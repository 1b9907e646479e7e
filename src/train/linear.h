// Products with weight matrices.
//
//   Linear         y = x w^T              x [..., in], w [out, in]
//   GroupedLinear  y[i] = x[i] w[e]^T     for the rows i of expert e; x [rows, in], w [experts,
//                  out, in]
//   HeadGroups     y[:, g] = x[:, g] w[g]^T   x [rows, groups, in], w [groups, out, in] -> [rows,
//                  groups, out]
//
// With Products::kBf16 the inputs are rounded to BF16, sums are float32 and the result is rounded
// to BF16 once, forward and backward, as in the official code, whose activations are BF16. It is
// worth it where the processor multiplies BF16 (FastestProducts): about twice as fast. kF32 takes
// any float type.
#pragma once
#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace hadal::train {

enum class Products { kF32, kBf16 };

Products FastestProducts();  // of this machine

torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& w, Products products);

// Rows of expert e: offsets[e] .. offsets[e+1] - 1, possibly none.
torch::Tensor GroupedLinear(const torch::Tensor& x, const torch::Tensor& w,
                            const std::vector<std::int64_t>& offsets, Products products);

torch::Tensor HeadGroups(const torch::Tensor& x, const torch::Tensor& w, Products products);

}  // namespace hadal::train
