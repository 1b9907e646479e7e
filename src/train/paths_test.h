// The ways to compute an operator (plain.h), for tests of all of them: tests only.
#pragma once
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <optional>

#include "train/foreign_device_test.h"
#include "train/plain.h"

namespace hadal::train {

enum class Path { kKernels, kPlain, kForeign, kCuda };

inline bool Exists(Path path) { return path != Path::kCuda || torch::cuda::is_available(); }
inline torch::Device DeviceOf(Path path) {
  if (path == Path::kForeign) return kForeignDevice;
  return path == Path::kCuda ? torch::kCUDA : torch::kCPU;
}

// While it lives, the CPU computes as the path says.
class OnPath {
 public:
  explicit OnPath(Path path) {
    if (path == Path::kPlain) plain_.emplace();
  }

 private:
  std::optional<PlainOperators> plain_;
};

class EveryPath : public ::testing::TestWithParam<Path> {
 protected:
  void SetUp() override {
    if (!Exists(GetParam())) GTEST_SKIP() << "LibTorch finds no CUDA device";
  }
};

inline std::string PathName(const ::testing::TestParamInfo<Path>& info) {
  constexpr const char* kNames[] = {"Kernels", "Plain", "Foreign", "Cuda"};
  return kNames[static_cast<int>(info.param)];
}
inline const auto kEveryPath =
    ::testing::Values(Path::kKernels, Path::kPlain, Path::kForeign, Path::kCuda);
// All but the kernels, which the others are compared with.
inline const auto kOtherPaths = ::testing::Values(Path::kPlain, Path::kForeign, Path::kCuda);

}  // namespace hadal::train
