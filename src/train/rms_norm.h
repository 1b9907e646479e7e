// RMSNorm over the last axis: y = x * rsqrt(mean(x^2) + eps) * weight.
//
//   x       [..., width]  any float type
//   weight  [width]; undefined: no weight
// Source: DeepSeek-V4 inference/model.py, RMSNorm.
#pragma once
#include <torch/torch.h>

namespace hadal::train {

torch::Tensor RmsNorm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

namespace plain {  // train/plain.h
torch::Tensor RmsNorm(const torch::Tensor& x, const torch::Tensor& weight, double eps);
}

}  // namespace hadal::train
