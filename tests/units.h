// The official operation-level vectors, units.safetensors of golden (V4) or golden-v32 in the
// folder "shared" beside the source tree. Tests skip where the folder is absent.
#pragma once
#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "kernels/isa.h"
#include "tensor/view.h"

namespace hadal {

class Units : public ::testing::Test {
 public:
  explicit Units(std::string folder = "golden") : folder_(std::move(folder)) {}

 protected:
  void SetUp() override;
  void TearDown() override { kernels::SetActiveIsa(kernels::RunnableIsas().back()); }

  // F32 as it is, BF16 widened.
  std::vector<float> Floats(const std::string& name) const;
  template <class T>
  std::vector<T> Raw(const std::string& name) const {
    const std::vector<std::byte>& bytes = Find(name).bytes;
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
  float Scalar(const std::string& name) const { return Floats(name).at(0); }
  std::size_t Dim(const std::string& name, std::size_t axis) const {
    return Find(name).shape.at(axis);
  }

 private:
  struct Tensor {
    std::string dtype;
    std::vector<std::size_t> shape;
    std::vector<std::byte> bytes;
  };
  // Read here rather than by src/io, which knows only the dtypes of published checkpoints: this
  // file has F64 too.
  static std::map<std::string, Tensor> Read(const std::string& path);
  const Tensor& Find(const std::string& name) const;
  std::string folder_;  // beside the source tree, in "shared"
  static std::map<std::string, std::map<std::string, Tensor>> files_;  // by folder
};

inline View2<const float> Rows(const std::vector<float>& v, std::size_t cols) {
  return {v.data(), v.size() / cols, cols};
}
inline View2<float> Rows(std::vector<float>& v, std::size_t cols) {
  return {v.data(), v.size() / cols, cols};
}

// Runs the body once for every instruction set of this machine.
template <class F>
void OnEveryIsa(F&& body) {
  for (kernels::Isa isa : kernels::RunnableIsas()) {
    kernels::SetActiveIsa(isa);
    SCOPED_TRACE(std::string(kernels::IsaName(isa)));
    body();
  }
}

std::vector<float> Poisoned(std::size_t count);  // NaN everywhere
std::vector<float> ToBf16(std::vector<float> v);

// Every element the same, or one bfloat16 step away; at most one in fifty a step away.
::testing::AssertionResult AlmostAllSameBf16(std::span<const float> got,
                                             std::span<const float> want);

}  // namespace hadal
