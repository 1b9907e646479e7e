#include "units.h"

#include <cmath>
#include <fstream>

#include "base/json.h"
#include "tensor/codec.h"
#include "testing/shared_file.h"

namespace hadal {

std::map<std::string, std::map<std::string, Units::Tensor>> Units::files_;

void Units::SetUp() {
  const auto golden = testing::SharedFolder(folder_);
  if (!golden) GTEST_SKIP() << "no shared/" << folder_ << " beside the sources";
  const std::string path = *golden + "/units.safetensors";
  if (files_[folder_].empty()) files_[folder_] = Read(path);
  ASSERT_FALSE(files_[folder_].empty()) << path;
}

std::map<std::string, Units::Tensor> Units::Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::uint64_t header_bytes = 0;
  in.read(reinterpret_cast<char*>(&header_bytes), 8);
  std::string text(header_bytes, ' ');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto header = ParseJson(text);
  EXPECT_TRUE(in.good() && header.ok() && header->AsObject() != nullptr) << path;
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, meta] : *header->AsObject()) {
    if (name == "__metadata__") continue;
    Tensor tensor{*meta.Find("dtype")->AsString(), {}, {}};
    for (const Json& n : *meta.Find("shape")->AsArray())
      tensor.shape.push_back(static_cast<std::size_t>(*n.AsInt()));
    const Json::Array& span = *meta.Find("data_offsets")->AsArray();
    tensor.bytes.resize(static_cast<std::size_t>(*span[1].AsInt() - *span[0].AsInt()));
    in.seekg(static_cast<std::streamoff>(8 + header_bytes) + *span[0].AsInt());
    in.read(reinterpret_cast<char*>(tensor.bytes.data()),
            static_cast<std::streamsize>(tensor.bytes.size()));
    EXPECT_TRUE(in.good()) << name;
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

const Units::Tensor& Units::Find(const std::string& name) const {
  static const Tensor none;
  const std::map<std::string, Tensor>& tensors = files_.at(folder_);
  const auto found = tensors.find(name);
  EXPECT_NE(found, tensors.end()) << name;
  return found == tensors.end() ? none : found->second;
}

std::vector<float> Units::Floats(const std::string& name) const {
  if (Find(name).dtype == "F32") return Raw<float>(name);
  EXPECT_EQ(Find(name).dtype, "BF16") << name;
  std::vector<float> values;
  for (std::uint16_t code : Raw<std::uint16_t>(name)) values.push_back(Bf16ToF32(code));
  return values;
}

std::vector<float> Poisoned(std::size_t count) { return std::vector<float>(count, std::nanf("")); }

std::vector<float> ToBf16(std::vector<float> v) {
  for (float& x : v) x = RoundToBf16(x);
  return v;
}

::testing::AssertionResult AlmostAllSameBf16(std::span<const float> got,
                                             std::span<const float> want) {
  if (got.size() != want.size()) return ::testing::AssertionFailure() << "sizes differ";
  std::size_t steps = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;
    const int apart = std::abs(int{F32ToBf16(got[i])} - int{F32ToBf16(want[i])});
    if (apart != 1)
      return ::testing::AssertionFailure() << i << ": got " << got[i] << ", want " << want[i];
    ++steps;
  }
  if (steps * 50 > got.size())
    return ::testing::AssertionFailure() << steps << " of " << got.size() << " one step away";
  return ::testing::AssertionSuccess();
}

}  // namespace hadal
