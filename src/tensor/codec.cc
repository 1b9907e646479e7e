#include "tensor/codec.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace hadal {
namespace {

std::array<float, 256> MakeE4m3Table() {
  std::array<float, 256> table{};
  for (std::size_t code = 0; code < 256; ++code) {
    const int exponent = static_cast<int>(code >> 3) & 15;
    const int mantissa = static_cast<int>(code) & 7;
    float v = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                            : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
    if ((code & 0x7F) == 0x7F) v = std::bit_cast<float>(0x7FC00000u);
    table[code] = (code & 0x80) != 0 ? -v : v;
  }
  return table;
}

// 2^ceil(log2(v)) for a normal positive float: the exponent, plus one unless v is a power of two.
float CeilPowerOfTwo(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t exponent = (bits >> 23) + ((bits & 0x7FFFFFu) != 0 ? 1 : 0);
  return std::bit_cast<float>(exponent << 23);
}

}  // namespace

std::span<const float, 256> E4m3Table() {
  static const std::array<float, 256> table = MakeE4m3Table();
  return table;
}

float E4m3ToF32(std::uint8_t code) { return E4m3Table()[code]; }

std::uint8_t PowerOfTwoToE8m0(float v) {
  if (v == 0x1p-127f) return 0;
  const auto bits = std::bit_cast<std::uint32_t>(v);
  HADAL_CHECK((bits & 0x807FFFFFu) == 0 && bits != 0 && bits >> 23 != 255);
  return static_cast<std::uint8_t>(bits >> 23);
}

float Fp8Scale(float amax, ScaleRule rule) {
  const float scale = std::max(amax, kFp8AmaxFloor) * (1 / kE4m3Max);
  return rule == ScaleRule::kExact ? scale : CeilPowerOfTwo(scale);
}
float Fp4Scale(float amax) {
  return CeilPowerOfTwo(std::max(amax, kFp4AmaxFloor) * (1 / kE2m1Max));
}

}  // namespace hadal
