// Sixteen virtual lanes for AVX2 with FMA and F16C: F16 (float32) and U16 (their bits, or unsigned
// integers), each in two registers. The names and the bits of lanes_avx512.h; see there.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#ifdef __AVXVNNI__
#define HADAL_ISA avxvnni
#else
#define HADAL_ISA avx2
#endif

#include "kernels/lanes_x86.inc"

namespace hadal::kernels::HADAL_ISA {

// Sixteen registers: 3 x 2 x 2 accumulators and three operands.
inline constexpr std::size_t kTileX = 3, kTileW = 2;
// The same where the second side is BF16, which is converted in registers, for up to so many rows
// of the first; for more, converting into memory once is as fast.
inline constexpr std::size_t kBf16X = 2, kBf16W = 2, kBf16Tokens = 16;
inline constexpr std::size_t kMaxAccumulators = 8;

inline constexpr std::int32_t kFirstLanes[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                 -1, -1, -1, -1, -1, 0,  0,  0,  0,  0,  0,
                                                 0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

struct F16;

struct U16 {
  __m256i lo, hi;
  static U16 Splat(std::uint32_t x) {
    const __m256i v = _mm256_set1_epi32(static_cast<int>(x));
    return {v, v};
  }
  static U16 Load(const std::uint32_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
  }
  static U16 LoadBits(const std::uint8_t* p) {
    return Load(reinterpret_cast<const std::uint32_t*>(p));
  }
  static U16 LoadBytes(const std::uint8_t* p) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepu8_epi32(codes), _mm256_cvtepu8_epi32(_mm_srli_si128(codes, 8))};
  }
  void StoreBytes(std::uint8_t* p) const {  // every lane below 256
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(lo, hi), 0xD8);
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  }
  friend U16 operator+(U16 a, U16 b) {
    return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
  }
  friend U16 operator&(U16 a, U16 b) {
    return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
  }
  friend U16 operator|(U16 a, U16 b) {
    return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
  }
  friend U16 operator^(U16 a, U16 b) {
    return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
  }
  template <int kBits>
  U16 Left() const {
    return {_mm256_slli_epi32(lo, kBits), _mm256_slli_epi32(hi, kBits)};
  }
  template <int kBits>
  U16 Right() const {
    return {_mm256_srli_epi32(lo, kBits), _mm256_srli_epi32(hi, kBits)};
  }
  static U16 Min(U16 a, U16 b) {
    return {_mm256_min_epu32(a.lo, b.lo), _mm256_min_epu32(a.hi, b.hi)};
  }
  static U16 Max(U16 a, U16 b) {
    return {_mm256_max_epu32(a.lo, b.lo), _mm256_max_epu32(a.hi, b.hi)};
  }
  F16 AsFloat() const;
};

struct F16 {
  __m256 lo, hi;
  static F16 Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F16 Splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F16 Quarters(float a, float b, float c, float d) {  // four lanes of each
    return {_mm256_set_m128(_mm_set1_ps(b), _mm_set1_ps(a)),
            _mm256_set_m128(_mm_set1_ps(d), _mm_set1_ps(c))};
  }
  static F16 Load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static F16 LoadN(const float* p, std::size_t n) {  // n < 16; the other lanes are zero
    return {_mm256_maskload_ps(p, First(n, 0)), _mm256_maskload_ps(p + 8, First(n, 8))};
  }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void StoreN(float* p, std::size_t n) const {
    _mm256_maskstore_ps(p, First(n, 0), lo);
    _mm256_maskstore_ps(p + 8, First(n, 8), hi);
  }

  friend F16 operator+(F16 a, F16 b) {
    return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
  }
  friend F16 operator-(F16 a, F16 b) {
    return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
  }
  friend F16 operator*(F16 a, F16 b) {
    return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
  }
  friend F16 operator/(F16 a, F16 b) {
    return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
  }
  static F16 Fma(F16 a, F16 b, F16 c) {  // a b + c
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  // The second operand where either is NaN.
  static F16 Min(F16 a, F16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static F16 Max(F16 a, F16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static F16 WhereNegative(F16 sign, F16 yes, F16 no) {  // by the sign bit
    return {_mm256_blendv_ps(no.lo, yes.lo, sign.lo), _mm256_blendv_ps(no.hi, yes.hi, sign.hi)};
  }
  F16 NearestInteger() const {
    return {_mm256_round_ps(lo, kNearest), _mm256_round_ps(hi, kNearest)};
  }
  U16 ToInteger() const { return {_mm256_cvtps_epi32(lo), _mm256_cvtps_epi32(hi)}; }
  U16 Bits() const { return {_mm256_castps_si256(lo), _mm256_castps_si256(hi)}; }

  template <unsigned kWith>
  F16 SwapLanes() const {  // lane i of the result is lane i ^ kWith
    if constexpr (kWith == 1) return {Permuted<0xB1>(lo), Permuted<0xB1>(hi)};
    if constexpr (kWith == 2) return {Permuted<0x4E>(lo), Permuted<0x4E>(hi)};
    if constexpr (kWith == 4)
      return {_mm256_permute2f128_ps(lo, lo, 1), _mm256_permute2f128_ps(hi, hi, 1)};
    if constexpr (kWith == 8) return {hi, lo};
  }

  // The lanes are always added as i and i + 8, then i and i + 4, i + 2, i + 1.
  float Sum() const {
    float sums[4];
    SumOf4(*this, *this, *this, *this, sums);
    return sums[0];
  }
  static void SumOf4(F16 a, F16 b, F16 c, F16 d, float* sums) {
    SumEights(FoldTo8(a), FoldTo8(b), FoldTo8(c), FoldTo8(d), sums);
  }
  // Lanes r, 4 + r, 8 + r and 12 + r, added as (a + b) + (c + d), for every r.
  F4 SumOfQuarters() const {
    const auto half = [](__m256 v) {
      return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    };
    return {_mm_add_ps(half(lo), half(hi))};
  }

  static F16 FromBf16(const std::uint8_t* p) {
    const auto eight = [](const std::uint8_t* at) {  // a load that widens costs nothing more
      const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16));
    };
    return {eight(p), eight(p + 16)};
  }
  static F16 FromFp8(const std::uint8_t* p) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i moved = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
    const __m256i half = _mm256_and_si256(moved, _mm256_set1_epi16(static_cast<short>(0xBF80)));
    return {_mm256_cvtph_ps(_mm256_castsi256_si128(half)),
            _mm256_cvtph_ps(_mm256_extracti128_si256(half, 1))};
  }
  static bool AnyFp8Nan(const std::uint8_t* p, std::size_t n) {  // n a multiple of 16
    __m128i found = _mm_setzero_si128();
    const __m128i nan = _mm_set1_epi8(0x7F);
    for (std::size_t i = 0; i < n; i += 16) {
      const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
      found = _mm_or_si128(found, _mm_cmpeq_epi8(_mm_and_si128(codes, nan), nan));
    }
    return _mm_movemask_epi8(found) != 0;
  }
  // E2M1 in bits [4 kStep, 4 kStep + 4) of every lane.
  template <int kStep>
  static F16 FromNibble(U16 codes) {
    const U16 index = codes.template Right<4 * kStep>();
    const U16 sign = codes.template Left<28 - 4 * kStep>() & U16::Splat(0x80000000);
    const __m256 magnitudes = _mm256_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6);
    const F16 magnitude = {_mm256_permutevar8x32_ps(magnitudes, index.lo),
                           _mm256_permutevar8x32_ps(magnitudes, index.hi)};
    return (magnitude.Bits() | sign).AsFloat();
  }
  static F16 FromFp4(const std::uint8_t* p) {  // 8 bytes, low nibble first
    return {EightFp4(p), EightFp4(p + 4)};
  }

 private:
  template <int kOrder>
  static __m256 Permuted(__m256 v) {
    return _mm256_permute_ps(v, kOrder);
  }
  static constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  static __m256i First(std::size_t n, std::size_t from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirstLanes + 16 - n + from));
  }
  static __m256 EightFp4(const std::uint8_t* p) {
    std::int32_t codes;
    __builtin_memcpy(&codes, p, sizeof(codes));
    const __m256i all = _mm256_set1_epi32(codes);
    const __m256i code = _mm256_srlv_epi32(all, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    const __m256i top = _mm256_sllv_epi32(all, _mm256_setr_epi32(28, 24, 20, 16, 12, 8, 4, 0));
    const __m256 magnitudes = _mm256_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6);
    const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(top), _mm256_set1_ps(-0.f));
    return _mm256_or_ps(_mm256_permutevar8x32_ps(magnitudes, code), sign);
  }
  static __m256 FoldTo8(F16 a) { return _mm256_add_ps(a.lo, a.hi); }
};

inline F16 U16::AsFloat() const { return {_mm256_castsi256_ps(lo), _mm256_castsi256_ps(hi)}; }

}  // namespace hadal::kernels::HADAL_ISA
#include "kernels/lanes_math.inc"
