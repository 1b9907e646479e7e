#include "tensor/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace hadal {
namespace {

constexpr std::uint32_t kExponent = 0x7F800000;  // all ones: NaN or infinity

// No early end within a block: so the compiler takes many at once.
bool AllFinite(std::span<const float> block) {
  std::uint32_t found = 0;
  for (const float v : block) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(v);
    found |= static_cast<std::uint32_t>((bits & kExponent) == kExponent);
  }
  return found == 0;
}

}  // namespace

std::optional<std::size_t> FirstNotFinite(std::span<const float> values) {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t at = 0; at < values.size(); at += kBlock) {
    const auto block = values.subspan(at, std::min(kBlock, values.size() - at));
    if (AllFinite(block)) continue;
    const auto first = std::ranges::find_if(block, [](float v) { return !std::isfinite(v); });
    return at + static_cast<std::size_t>(first - block.begin());
  }
  return std::nullopt;
}

}  // namespace hadal
