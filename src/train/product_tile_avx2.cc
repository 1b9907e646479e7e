#include <immintrin.h>

#include <utility>

#include "train/product_tile.h"

namespace hadal::train::avx2 {
namespace {
#include "train/product_tile_simd.inc"

struct F32Lanes {
  using Vec = __m256;
  using Units = __m256;
  static constexpr int kWidth = 8, kRows = 6, kVectors = 2, kUnitValues = 1;

  static __m256i First(std::int64_t lanes) {
    const int count = static_cast<int>(lanes < 0 ? 0 : Least(lanes, kWidth));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0));
  }
  static Vec Zero() { return _mm256_setzero_ps(); }
  static Vec Load(const float* x, std::int64_t lanes) {
    return lanes >= kWidth ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, First(lanes));
  }
  static void Store(float* x, Vec v, std::int64_t lanes) {
    if (lanes >= kWidth)
      _mm256_storeu_ps(x, v);
    else
      _mm256_maskstore_ps(x, First(lanes), v);
  }
  static Vec Scaled(float s, Vec v) { return _mm256_mul_ps(_mm256_set1_ps(s), v); }
  static Vec AddScaled(float s, Vec v, Vec sum) {
    return _mm256_fmadd_ps(_mm256_set1_ps(s), v, sum);
  }

  static Units LoadUnits(const float* x) { return _mm256_loadu_ps(x); }
  static Units Broadcast(const float* x) { return _mm256_set1_ps(*x); }
  static Vec MulAdd(Units a, Units b, Vec sum) { return _mm256_fmadd_ps(a, b, sum); }
  static void StoreUnits(float* x, Units v, std::int64_t lanes) { Store(x, v, lanes); }
  static Units LoadRow(const float* x, std::int64_t values) { return Load(x, values); }
  static Units Join(const float* x, std::int64_t, std::int64_t, std::int64_t lanes) {
    return Load(x, lanes);
  }

  static void Turn(Vec* x) {
    Vec t[kWidth];
    for (int i = 0; i < kWidth; i += 2) {  // pairs of rows: single lanes
      t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < kWidth; i += 4)  // fours of rows: pairs of lanes
      for (int half = 0; half < 2; ++half) {
        const __m256d a = _mm256_castps_pd(t[i + half]), b = _mm256_castps_pd(t[i + 2 + half]);
        x[i + 2 * half] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
        x[i + 2 * half + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
      }
    for (int r = 0; r < 4; ++r) {  // halves
      t[r] = _mm256_permute2f128_ps(x[r], x[r + 4], 0x20);
      t[r + 4] = _mm256_permute2f128_ps(x[r], x[r + 4], 0x31);
    }
    for (int r = 0; r < kWidth; ++r) x[r] = t[r];
  }
};

using L = F32Lanes;
constexpr TileKernels kKernels{L::kRows, L::kVectors* L::kWidth, L::kUnitValues,
                               256,      Tiles<L>::kTiles,       nullptr,
                               &Pack<L>, &PackTurned<L>,         &Mirror<L>};

}  // namespace

const TileKernels& F32Tiles() { return kKernels; }

}  // namespace hadal::train::avx2
