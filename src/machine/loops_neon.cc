#include <arm_neon.h>

#include "machine/loops.h"

namespace hadal::machine::neon {
namespace {

// Chains begin equal. Behind this the compiler cannot know it and compute only one of them.
template <class Vector>
Vector Opaque(Vector v) {
  asm volatile("" : "+w"(v));
  return v;
}

template <class Vector, class Step>
void RunChains(std::uint64_t rounds, Vector first, Vector (&sums)[kChains], Step step) {
  for (Vector& v : sums) v = Opaque(first);
  for (std::uint64_t r = 0; r < rounds; ++r)
    for (Vector& v : sums) v = step(v);
}

template <class Step>
std::int32_t SumOfInts(std::uint64_t rounds, std::int32_t x, Step step) {
  int32x4_t sums[kChains];
  RunChains(rounds, vdupq_n_s32(x), sums, step);
  int32x4_t all = vdupq_n_s32(0);
  for (const int32x4_t& v : sums) all = vaddq_s32(all, v);
  return vgetq_lane_s32(all, 0);
}

}  // namespace

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
