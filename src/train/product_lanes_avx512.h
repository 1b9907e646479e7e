// Sixteen float32 lanes for the tiles of *_avx512.cc and *_avx512bf16.cc, in a namespace without a
// name: shared with other files, a function compiled here might be the copy that the linker keeps.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace hadal::train {
namespace {

struct F32Lanes {
  using Vec = __m512;
  using Units = __m512;
  static constexpr int kWidth = 16, kRows = 12, kVectors = 2, kUnitValues = 1;

  static __mmask16 First(std::int64_t lanes) {
    if (lanes >= kWidth) return 0xFFFF;
    return static_cast<__mmask16>(lanes <= 0 ? 0U : (1U << lanes) - 1);
  }
  static Vec Zero() { return _mm512_setzero_ps(); }
  // Whole vectors are the rule, and go without a mask, which makes a store slow.
  static Vec Load(const float* x, std::int64_t lanes) {
    return lanes >= kWidth ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(First(lanes), x);
  }
  static void Store(float* x, Vec v, std::int64_t lanes) {
    if (lanes >= kWidth)
      _mm512_storeu_ps(x, v);
    else
      _mm512_mask_storeu_ps(x, First(lanes), v);
  }
  static Vec Scaled(float s, Vec v) { return _mm512_mul_ps(_mm512_set1_ps(s), v); }
  static Vec AddScaled(float s, Vec v, Vec sum) {
    return _mm512_fmadd_ps(_mm512_set1_ps(s), v, sum);
  }

  static Units LoadUnits(const float* x) { return _mm512_loadu_ps(x); }
  static Units Broadcast(const float* x) { return _mm512_set1_ps(*x); }
  static Vec MulAdd(Units a, Units b, Vec sum) { return _mm512_fmadd_ps(a, b, sum); }
  static void StoreUnits(float* x, Units v, std::int64_t lanes) { Store(x, v, lanes); }
  static Units LoadRow(const float* x, std::int64_t values) { return Load(x, values); }
  static Units Join(const float* x, std::int64_t, std::int64_t, std::int64_t lanes) {
    return Load(x, lanes);
  }

  static void Turn(Vec* x) {
    Vec t[kWidth];
    for (int i = 0; i < kWidth; i += 2) {  // pairs of rows: single lanes
      t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < kWidth; i += 4)  // fours of rows: pairs of lanes
      for (int half = 0; half < 2; ++half) {
        const __m512d a = _mm512_castps_pd(t[i + half]), b = _mm512_castps_pd(t[i + 2 + half]);
        x[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        x[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
      }
    constexpr int kEven = 0x88, kOdd = 0xDD;
    for (int i = 0; i < kWidth; i += 8)  // eights of rows: quarters
      for (int r = i; r < i + 4; ++r) {
        t[r] = _mm512_shuffle_f32x4(x[r], x[r + 4], kEven);
        t[r + 4] = _mm512_shuffle_f32x4(x[r], x[r + 4], kOdd);
      }
    for (int r = 0; r < 8; ++r) {
      x[r] = _mm512_shuffle_f32x4(t[r], t[r + 8], kEven);
      x[r + 8] = _mm512_shuffle_f32x4(t[r], t[r + 8], kOdd);
    }
  }
};

}  // namespace
}  // namespace hadal::train
