// What the loops written by hand are made of.
//
// HADAL_TARGET_CLONES compiles a function for AVX-512, for AVX2 and for any x86-64, and the loader
// picks one: put it on functions that loop over raw arrays. Helpers they call are HADAL_INLINE, so
// that they become part of each version. Other compilers, and sanitizers (which cannot be loaded
// with such functions), get the plain version.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HADAL_TARGET_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HADAL_TARGET_CLONES
#endif
#define HADAL_INLINE inline __attribute__((always_inline))
#define HADAL_LAMBDA __attribute__((always_inline))  // after a lambda's parameters

namespace hadal::train {

// Loops over these become vector code; over std::min and std::max, which return references, they do
// not always. For the same reason write a condition as a factor of 0 or 1, not as a choice of two
// terms.
template <class T>
HADAL_INLINE T Min(T a, T b) {
  return a < b ? a : b;
}
template <class T>
HADAL_INLINE T Max(T a, T b) {
  return a < b ? b : a;
}

HADAL_INLINE double Exp(double x) { return std::exp(x); }

// Within one unit in the last place for x in [-87, 88]; 0 below, e^88 above.
// n = round(x / ln 2) comes from adding 1.5 * 2^23, which leaves it in the low bits; 2^n is put
// together from bits, e^(x - n ln 2) is its Taylor series, |x - n ln 2| <= ln(2) / 2.
HADAL_INLINE float Exp(float v) {
  const float x = Min(Max(v, -87.0f), 88.0f);
  const float shifted = x * 0x1.715476p0f + 0x1.8p23f, n = shifted - 0x1.8p23f;
  const float r = (x - n * 0x1.62ep-1f) - n * 0x1.0bfbe8p-15f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const std::uint32_t power = (std::bit_cast<std::uint32_t>(shifted) + 127u) << 23;
  return v < -87.0f ? 0.0f : p * std::bit_cast<float>(power);
}

template <class T>
HADAL_INLINE T Sigmoid(T v) {
  return 1 / (1 + Exp(-v));
}

template <class T>
HADAL_INLINE T Dot(const T* a, const T* b, std::int64_t count) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// y += a * x
template <class T>
HADAL_INLINE void AddScaled(T a, const T* x, std::int64_t count, T* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] += a * x[i];
}

}  // namespace hadal::train
