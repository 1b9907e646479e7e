// Bytes as a safetensors file: whatever is accepted keeps the promises of io/safetensors.h, and its
// tensors can be decoded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "io/checkpoint.h"
#include "io/decode.h"
#include "io/safetensors.h"

namespace {

using hadal::io::TensorInfo;
using hadal::io::TensorView;

TensorView ViewOf(const TensorInfo& info, std::span<const std::byte> file) {
  return {info.dtype, info.shape, file.subspan(info.begin, info.end - info.begin)};
}

void CheckPromises(const hadal::io::SafetensorsHeader& header, std::span<const std::byte> file) {
  std::vector<const TensorInfo*> order;
  for (const auto& [name, info] : header.tensors) {
    HADAL_CHECK(info.begin <= info.end && info.end <= file.size());
    HADAL_CHECK(info.elements() * hadal::DTypeBytes(info.dtype) == info.end - info.begin);
    if (info.begin < info.end) order.push_back(&info);
  }
  std::sort(order.begin(), order.end(),
            [](const TensorInfo* a, const TensorInfo* b) { return a->begin < b->begin; });
  for (std::size_t i = 1; i < order.size(); ++i) HADAL_CHECK(order[i - 1]->end <= order[i]->begin);
}

// "a.weight" with "a.scale", if there is one; and every tensor as integers.
void DecodeAll(const hadal::io::SafetensorsHeader& header, std::span<const std::byte> file) {
  for (const auto& [name, info] : header.tensors) {
    const TensorView weight = ViewOf(info, file);
    const auto found = header.tensors.find(name.substr(0, name.rfind('.')) + ".scale");
    if (found == header.tensors.end()) {
      (void)hadal::io::DecodeFloats(weight, nullptr);
    } else {
      const TensorView scale = ViewOf(found->second, file);
      (void)hadal::io::DecodeFloats(weight, &scale);
    }
    (void)hadal::io::DecodeInts(weight);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto header = hadal::io::ParseSafetensorsHeader(file, size, "fuzz");
  if (!header.ok()) {
    HADAL_CHECK(header.error().what.find('\n') == std::string::npos);
    return 0;
  }
  CheckPromises(*header, file);
  DecodeAll(*header, file);
  return 0;
}
