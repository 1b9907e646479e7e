#include "train/device.h"

#include <torch/version.h>

namespace hadal::train {

Result<torch::Device> DeviceOf(const std::string& name) {
  const torch::Device device(name);
  if (!device.is_cuda()) return device;
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (count == 0)
    return Fail(Code::kUnsupported, "device: found {}, but LibTorch {} {}; cpu works", name,
                TORCH_VERSION, torch::hasCUDA() ? "finds no CUDA device" : "is built without CUDA");
  if (device.index() >= count)
    return Fail(Code::kUnsupported, "device: found {}, expected at most cuda:{}", name, count - 1);
  return device;
}

}  // namespace hadal::train
