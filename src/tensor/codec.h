// Exact scalar conversions between float32 and the small formats of the published checkpoints.
//
//   BF16  1-8-7           nearest, ties to even
//   E4M3  1-4-3, bias 7   nearest, ties to even code, saturates at +-448; 0x7F and 0xFF are NaN
//   E2M1  1-2-1           codes 0..7 = 0 .5 1 1.5 2 3 4 6, bit 3 the sign; saturates at +-6
//   E8M0  2^(byte - 127)  255 is NaN; no zero, no sign
//
// Quantised blocks share one power-of-two scale, the smallest that brings the block's largest
// magnitude into range: 2^ceil(log2(amax * (1/max))), the product being a float32 one.
// Source: DeepSeek-V4 inference/kernel.py (act_quant, fp4_quant); OCP MX specification.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

namespace hadal {

inline float Bf16ToF32(std::uint16_t v) { return std::bit_cast<float>(std::uint32_t{v} << 16); }

inline std::uint16_t F32ToBf16(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

inline float RoundToBf16(float v) { return Bf16ToF32(F32ToBf16(v)); }

inline constexpr float kE4m3Max = 448, kE2m1Max = 6;

// The small formats without branches, so that loops over them become vector code. kMantissa: stored
// bits of it; kBias: of the exponent; finite numbers saturate at max.
template <unsigned kMantissa, unsigned kBias>
struct SmallFloat {
  static constexpr unsigned kDropped = 23 - kMantissa;
  static constexpr float kSmallestNormal = std::bit_cast<float>((128u - kBias) << 23);
  static constexpr float kStep = std::bit_cast<float>((128u - kBias - kMantissa) << 23);

  // The nearest number of the format, ties to an even code, with the sign of v; NaN stays NaN.
  // Normal numbers: adding just under half of the dropped bits, plus the last kept one, carries
  // exactly when rounding up is due. Subnormal ones: adding 1.5 * 2^23 steps makes the float unit
  // round to a whole number of steps.
  static float Round(float v, float max) {
    const float a = std::min(std::fabs(v), max);
    const auto bits = std::bit_cast<std::uint32_t>(a);
    const std::uint32_t half = (1u << (kDropped - 1)) - 1 + ((bits >> kDropped) & 1u);
    const float normal = std::bit_cast<float>((bits + half) >> kDropped << kDropped);
    constexpr float kMagic = 0x1.8p23f * kStep;
    const float subnormal = (a + kMagic) - kMagic;
    const float rounded = a < kSmallestNormal ? subnormal : normal;
    return std::copysign(std::isnan(v) ? v : rounded, v);
  }

  // The code, without its sign, of a number that Round gave; not NaN.
  static std::uint32_t Magnitude(float rounded) {
    const float a = std::fabs(rounded);
    const std::uint32_t normal =
        (std::bit_cast<std::uint32_t>(a) >> kDropped) - ((127u - kBias) << kMantissa);
    const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(a * (1 / kStep) + 0x1p23f) & 0xFF;
    return a < kSmallestNormal ? subnormal : normal;
  }
};
using E4m3 = SmallFloat<3, 7>;
using E2m1 = SmallFloat<1, 1>;

inline std::uint8_t SignBit(float v) {
  return static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(v) >> 31);
}

inline float RoundToE4m3(float v) { return E4m3::Round(v, kE4m3Max); }
inline float RoundToE2m1(float v) { return E2m1::Round(v, kE2m1Max); }  // v not NaN

inline std::uint8_t F32ToE4m3(float v) {
  const std::uint32_t code = std::isnan(v) ? 0x7Fu : E4m3::Magnitude(RoundToE4m3(v));
  return static_cast<std::uint8_t>(code | SignBit(v) << 7u);
}
inline std::uint8_t F32ToE2m1(float v) {  // 0..15; v not NaN, which the format does not have
  return static_cast<std::uint8_t>(E2m1::Magnitude(RoundToE2m1(v)) | SignBit(v) << 3u);
}

float E4m3ToF32(std::uint8_t code);

inline constexpr std::array<float, 16> kE2m1Values = {0,    .5f,  1,  1.5f,  2,  3,  4,  6,
                                                      -0.f, -.5f, -1, -1.5f, -2, -3, -4, -6};
inline float E2m1ToF32(std::uint8_t code) { return kE2m1Values[code & 15]; }  // the low four bits

inline float E8m0ToF32(std::uint8_t code) {
  if (code == 255) return std::bit_cast<float>(0x7FC00000u);
  return code == 0 ? 0x1p-127f : std::bit_cast<float>(std::uint32_t{code} << 23);
}
// The exponent byte of a power of two in [2^-127, 2^127].
std::uint8_t PowerOfTwoToE8m0(float v);

std::span<const float, 256> E4m3Table();

inline constexpr float kFp8AmaxFloor = 1e-4f;  // of amax, before the scale is taken
inline constexpr float kFp4AmaxFloor = 6 * 0x1p-126f;

// How an FP8 block's scale follows from its largest magnitude: the power of two described above, or
// amax * (1/max) as it is (DeepSeek-V3 and V3.2 without a scale_fmt).
enum class ScaleRule { kPowerOfTwo, kExact };

// The block scales, for the block whose largest magnitude is amax (finite, >= 0).
float Fp8Scale(float amax, ScaleRule rule = ScaleRule::kPowerOfTwo);
float Fp4Scale(float amax);

}  // namespace hadal
