// Sixteen virtual lanes for AVX-512: F16 (float32) and U16 (their bits, or unsigned integers).
// lanes_avx2.h has the same names and gives the same bits; code over them is written once, in
// *.inc.
//
// Included only by *_avx512.cc, which include nothing else but the headers below: an inline
// function shared with other files would be compiled here for AVX-512, and the linker might keep
// that copy.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define HADAL_ISA avx512

#include "kernels/lanes_x86.inc"

namespace hadal::kernels::HADAL_ISA {

// Register tiles of the dot products: kTileX rows of one side by kTileW of the other.
inline constexpr std::size_t kTileX = 6, kTileW = 4;
// The same where the second side is BF16, which is converted in registers, for up to so many rows
// of the first: all of a unit's.
inline constexpr std::size_t kBf16X = 6, kBf16W = 4, kBf16Tokens = 64;
inline constexpr std::size_t kMaxAccumulators = 32;

struct F16;

struct U16 {
  __m512i v;
  static U16 Splat(std::uint32_t x) { return {_mm512_set1_epi32(static_cast<int>(x))}; }
  static U16 Load(const std::uint32_t* p) { return {_mm512_loadu_si512(p)}; }
  static U16 LoadBits(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  static U16 LoadBytes(const std::uint8_t* p) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  void StoreBytes(std::uint8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
  }
  friend U16 operator+(U16 a, U16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
  friend U16 operator&(U16 a, U16 b) { return {_mm512_and_si512(a.v, b.v)}; }
  friend U16 operator|(U16 a, U16 b) { return {_mm512_or_si512(a.v, b.v)}; }
  friend U16 operator^(U16 a, U16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
  template <unsigned kBits>
  U16 Left() const {
    return {_mm512_slli_epi32(v, kBits)};
  }
  template <unsigned kBits>
  U16 Right() const {
    return {_mm512_srli_epi32(v, kBits)};
  }
  static U16 Min(U16 a, U16 b) { return {_mm512_min_epu32(a.v, b.v)}; }
  static U16 Max(U16 a, U16 b) { return {_mm512_max_epu32(a.v, b.v)}; }
  F16 AsFloat() const;
};

struct F16 {
  __m512 v;
  static F16 Zero() { return {_mm512_setzero_ps()}; }
  static F16 Splat(float x) { return {_mm512_set1_ps(x)}; }
  static F16 Quarters(float a, float b, float c, float d) {  // four lanes of each
    return {_mm512_mask_blend_ps(
        0xFF00, _mm512_mask_blend_ps(0x00F0, _mm512_set1_ps(a), _mm512_set1_ps(b)),
        _mm512_mask_blend_ps(0xF000, _mm512_set1_ps(c), _mm512_set1_ps(d)))};
  }
  static F16 Load(const float* p) { return {_mm512_loadu_ps(p)}; }
  // n < 16 elements; the other lanes are zero.
  static F16 LoadN(const float* p, std::size_t n) { return {_mm512_maskz_loadu_ps(First(n), p)}; }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
  void StoreN(float* p, std::size_t n) const { _mm512_mask_storeu_ps(p, First(n), v); }

  friend F16 operator+(F16 a, F16 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend F16 operator-(F16 a, F16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend F16 operator*(F16 a, F16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend F16 operator/(F16 a, F16 b) { return {_mm512_div_ps(a.v, b.v)}; }
  static F16 Fma(F16 a, F16 b, F16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }  // a b + c
  // The second operand where either is NaN.
  static F16 Min(F16 a, F16 b) { return {_mm512_min_ps(a.v, b.v)}; }
  static F16 Max(F16 a, F16 b) { return {_mm512_max_ps(a.v, b.v)}; }
  static F16 WhereNegative(F16 sign, F16 yes, F16 no) {  // by the sign bit
    return {_mm512_mask_blend_ps(_mm512_movepi32_mask(_mm512_castps_si512(sign.v)), no.v, yes.v)};
  }
  F16 NearestInteger() const { return {_mm512_roundscale_ps(v, kNearest)}; }
  U16 ToInteger() const { return {_mm512_cvtps_epi32(v)}; }
  U16 Bits() const { return {_mm512_castps_si512(v)}; }

  // Lane i of the result is lane i ^ kWith.
  template <unsigned kWith>
  F16 SwapLanes() const {
    if constexpr (kWith == 1) return {_mm512_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1))};
    if constexpr (kWith == 2) return {_mm512_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2))};
    if constexpr (kWith == 4) return {_mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(2, 3, 0, 1))};
    if constexpr (kWith == 8) return {_mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(1, 0, 3, 2))};
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
    const __m128 a = _mm512_castps512_ps128(v), b = _mm512_extractf32x4_ps(v, 1);
    const __m128 c = _mm512_extractf32x4_ps(v, 2), d = _mm512_extractf32x4_ps(v, 3);
    return {_mm_add_ps(_mm_add_ps(a, b), _mm_add_ps(c, d))};
  }

  // Sixteen stored values: bfloat16; E4M3 times 2^-8 (its NaN codes come out as numbers); E2M1.
  static F16 FromBf16(const std::uint8_t* p) {
    const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(codes), 16))};
  }
  // E4M3 moved into the fields of IEEE half precision, whose bias is larger by 8.
  static F16 FromFp8(const std::uint8_t* p) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i moved = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
    const __m256i half = _mm256_and_si256(moved, _mm256_set1_epi16(static_cast<short>(0xBF80)));
    return {_mm512_cvtph_ps(half)};
  }
  static bool AnyFp8Nan(const std::uint8_t* p, std::size_t n) {  // n a multiple of 16
    std::size_t i = 0;
    __mmask64 found = 0;
    const __m512i nan = _mm512_set1_epi8(0x7F);
    for (; i + 64 <= n; i += 64) {
      const __m512i codes = _mm512_loadu_si512(p + i);
      found |= _mm512_cmpeq_epi8_mask(_mm512_and_si512(codes, nan), nan);
    }
    for (; i < n; i += 16) {
      const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
      const __m128i small = _mm512_castsi512_si128(nan);
      found |= _mm_cmpeq_epi8_mask(_mm_and_si128(codes, small), small);
    }
    return found != 0;
  }
  // E2M1 in bits [4 kStep, 4 kStep + 4) of every lane.
  template <unsigned kStep>
  static F16 FromNibble(U16 codes) {
    return {_mm512_permutexvar_ps(codes.Right<4 * kStep>().v, Fp4Values())};
  }
  static F16 FromFp4(const std::uint8_t* p) {  // 8 bytes, low nibble first
    const __m512i pairs =
        _mm512_broadcast_i64x2(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    const __m512i halves = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), pairs);
    const __m512i shifts =
        _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
    return {_mm512_permutexvar_ps(_mm512_srlv_epi32(halves, shifts), Fp4Values())};
  }

 private:
  static __m512 Fp4Values() {
    return _mm512_setr_ps(0, .5f, 1, 1.5f, 2, 3, 4, 6, -0.f, -.5f, -1, -1.5f, -2, -3, -4, -6);
  }
  static constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  static __mmask16 First(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static __m256 FoldTo8(F16 a) {
    return _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  }
};

inline F16 U16::AsFloat() const { return {_mm512_castsi512_ps(v)}; }

}  // namespace hadal::kernels::HADAL_ISA
#include "kernels/lanes_math.inc"
