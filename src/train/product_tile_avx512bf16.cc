#include <bit>
#include <utility>

#include "train/product_lanes_avx512.h"
#include "train/product_tile.h"

namespace hadal::train::avx512bf16 {
namespace {
#include "train/product_tile_simd.inc"

// Rounded to the nearest BF16, ties to even; numbers below the smallest normal one become zero.
struct Bf16Lanes : F32Lanes {
  using Units = __m512i;
  static constexpr int kUnitValues = 2;

  static Units Rounded(Vec first, Vec second) {
    return std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
  }
  static Units LoadUnits(const float* x) { return _mm512_loadu_si512(x); }
  static Units Broadcast(const float* x) { return _mm512_castps_si512(_mm512_set1_ps(*x)); }
  static Vec MulAdd(Units a, Units b, Vec sum) {
    return _mm512_dpbf16_ps(sum, std::bit_cast<__m512bh>(a), std::bit_cast<__m512bh>(b));
  }
  static void StoreUnits(float* x, Units v, std::int64_t lanes) {
    Store(x, _mm512_castsi512_ps(v), lanes);
  }
  static Units LoadRow(const float* x, std::int64_t values) {
    return Rounded(Load(x, values), Load(x + kWidth, values - kWidth));
  }
  static Units Join(const float* x, std::int64_t k_step, std::int64_t values, std::int64_t lanes) {
    const Vec second = values > 1 ? Load(x + k_step, lanes) : Zero();
    const __m512i even = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i odd = _mm512_slli_epi32(_mm512_add_epi32(even, _mm512_set1_epi32(kWidth)), 16);
    return _mm512_permutexvar_epi16(_mm512_or_si512(even, odd), Rounded(Load(x, lanes), second));
  }
  static void Turn(Units* x) {
    Vec t[kWidth];
    for (int i = 0; i < kWidth; ++i) t[i] = _mm512_castsi512_ps(x[i]);
    F32Lanes::Turn(t);
    for (int i = 0; i < kWidth; ++i) x[i] = _mm512_castps_si512(t[i]);
  }
};

using L = Bf16Lanes;
constexpr TileKernels kKernels{L::kRows, L::kVectors* L::kWidth, L::kUnitValues,
                               512,      Tiles<L>::kTiles,       &Convert<L>,
                               &Pack<L>, &PackTurned<L>,         &Mirror<F32Lanes>};

}  // namespace

const TileKernels& Bf16Tiles() { return kKernels; }

}  // namespace hadal::train::avx512bf16
