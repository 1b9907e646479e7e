// Where a run computes.
#pragma once
#include <torch/torch.h>

#include <string>

#include "base/result.h"

namespace hadal::train {

// The device that the setting `device` names, as LibTorch does: "cpu", "cuda" or "cuda:N".
// kUnsupported: LibTorch has no such CUDA device here.
Result<torch::Device> DeviceOf(const std::string& name);

}  // namespace hadal::train
