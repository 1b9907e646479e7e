// A device for tests of what computes off the CPU, on machines that have none: LibTorch knows it as
// XPU. Its tensors lie where nobody may read, so that a kernel which takes them for the CPU's ends
// the test; its operators compute by LibTorch's for the CPU on another view of that memory, and
// refuse to mix tensors of both but for single numbers, as a GPU would.
#pragma once
#include <torch/torch.h>

namespace hadal::train {

inline const torch::Device kForeignDevice{torch::kXPU, 0};

}  // namespace hadal::train
