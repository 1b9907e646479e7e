// SwiGLU with the model's clamps: h = silu(min(gate, limit)) * clamp(up, -limit, limit), times the
// row's routing weight if there is one (it comes before w2).
//
//   gate, up  [rows, inter]
//   weight    [rows]; may be undefined
// Source: DeepSeek-V4 inference/model.py, Expert.
#pragma once
#include <torch/torch.h>

namespace hadal::train {

torch::Tensor SwiGlu(const torch::Tensor& gate, const torch::Tensor& up,
                     const torch::Tensor& weight, double limit);

namespace plain {  // train/plain.h
torch::Tensor SwiGlu(const torch::Tensor& gate, const torch::Tensor& up,
                     const torch::Tensor& weight, double limit);
}

}  // namespace hadal::train
