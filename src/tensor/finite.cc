#include "tensor/finite.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace hadal {
namespace {

constexpr std::uint32_t kExponent = 0x7F800000;  // all ones: NaN or infinity

constexpr std::size_t kLanes = 16;

// No early end, and lanes of a fixed number: so the compiler takes many at once.
bool AllFinite(std::span<const float> block) {
  std::array<std::uint32_t, kLanes> found = {};
  const auto look = [&](std::size_t lane, float v) {
    found[lane] |= (std::bit_cast<std::uint32_t>(v) & kExponent) == kExponent ? 1U : 0U;
  };
  std::size_t at = 0;
  for (; at + kLanes <= block.size(); at += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) look(lane, block[at + lane]);
  for (; at < block.size(); ++at) look(0, block[at]);
  return std::ranges::count(found, 0U) == kLanes;
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
