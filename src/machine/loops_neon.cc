#include "machine/chains_neon.inc"
#include "machine/loops.h"

namespace hadal::machine::neon {

float FmaF32(std::uint64_t rounds, float x) {
  float32x4_t sums[kChains];
  const float32x4_t a = Opaque(vdupq_n_f32(x)), b = Opaque(vdupq_n_f32(0x1p-20f));
  RunChains(rounds, a, sums, [&](float32x4_t v) { return vfmaq_f32(v, a, b); });
  float sum = 0;
  for (const float32x4_t& v : sums) sum += vgetq_lane_f32(v, 0);
  return sum;
}

// As the kernels': the products of both halves, added in pairs and to the sum.
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x) {
  const int16x8_t a = Opaque(vdupq_n_s16(static_cast<std::int16_t>(x)));
  return SumOfInts(rounds, x, [&](int32x4_t v) {
    const int16x8_t b = Opaque(a);  // so that no product is hoisted
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
    return vaddq_s32(v, vpaddq_s32(low, vmull_high_s16(a, b)));
  });
}

std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x) {
  const int8x16_t a = Opaque(vdupq_n_s8(static_cast<std::int8_t>(x)));
  return SumOfInts(rounds, x, [&](int32x4_t v) { return vdotq_s32(v, a, a); });
}

}  // namespace hadal::machine::neon
