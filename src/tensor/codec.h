// Exact scalar conversions between float32 and the small formats of the published checkpoints.
//
//   BF16   1-8-7                nearest, ties to even
//   E4M3   1-4-3, bias 7        nearest, ties to even code, saturates at +-448; 0x7F and 0xFF are NaN
//   E2M1   1-2-1                codes 0..7 = 0 .5 1 1.5 2 3 4 6, bit 3 the sign; saturates at +-6
//   E8M0   2^(byte - 127)       255 is NaN; no zero, no sign
//
// Quantised blocks share one power-of-two scale, the smallest that brings the block's largest
// magnitude into range: 2^ceil(log2(amax * (1/max))), the product being a float32 one.
// Source: DeepSeek-V4 inference/kernel.py (act_quant, fp4_quant); OCP MX specification.
#pragma once
#include <bit>
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

float E4m3ToF32(std::uint8_t code);
std::uint8_t F32ToE4m3(float v);
float E2m1ToF32(std::uint8_t code);  // the low four bits
std::uint8_t F32ToE2m1(float v);     // 0..15

inline float E8m0ToF32(std::uint8_t code) {
  if (code == 255) return std::bit_cast<float>(0x7FC00000u);
  return code == 0 ? 0x1p-127f : std::bit_cast<float>(std::uint32_t{code} << 23);
}
// The exponent byte of a power of two in [2^-127, 2^127].
std::uint8_t PowerOfTwoToE8m0(float v);

// 256 and 16 entries; what the kernels' table lookups read.
std::span<const float, 256> E4m3Table();
std::span<const float, 16> E2m1Table();

inline constexpr float kE4m3Max = 448, kE2m1Max = 6;
inline constexpr float kFp8AmaxFloor = 1e-4f;  // of amax, before the scale is taken
inline constexpr float kFp4AmaxFloor = 6 * 0x1p-126f;

// The block scales described above, for the block whose largest magnitude is amax (finite, >= 0).
float Fp8Scale(float amax);
float Fp4Scale(float amax);

}  // namespace hadal
