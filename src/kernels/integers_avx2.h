// Sixteen 32-bit integer lanes for AVX2, with AVX-VNNI where the file is compiled for it, each in
// two registers. The names and the bits of integers_avx512.h; see there.
#pragma once
#include "kernels/lanes_avx2.h"

namespace hadal::kernels::HADAL_ISA {

inline constexpr std::size_t kTileTokens = 4, kPanels = 1;

struct I16 {
  __m256i lo, hi;
  static I16 Zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static I16 Splat(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static I16 SplatWord(const std::uint8_t* p) {
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return Splat(x);
  }
  static I16 Load(const std::uint8_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  void Store(std::uint8_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), hi);
  }
  static I16 From(U16 bits) { return {bits.lo, bits.hi}; }
  U16 Bits() const { return {lo, hi}; }
  F16 ToFloat() const { return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)}; }
  friend I16 operator-(I16 a, I16 b) {
    return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
  }
  I16 Left(I16 bits) const {
    return {_mm256_sllv_epi32(lo, bits.lo), _mm256_sllv_epi32(hi, bits.hi)};
  }
  bool IsZero() const {
    const __m256i all = _mm256_or_si256(lo, hi);
    return _mm256_testz_si256(all, all) != 0;
  }
  void StoreWords(std::uint8_t* p) const {  // lanes within int16
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(lo, hi), 0xD8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), words);
  }

#ifdef __AVXVNNI__
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) {
    return {_mm256_dpbusd_avx_epi32(sum.lo, u8.lo, s8.lo),
            _mm256_dpbusd_avx_epi32(sum.hi, u8.hi, s8.hi)};
  }
  static I16 DotWords(I16 sum, I16 a, I16 b) {
    return {_mm256_dpwssd_avx_epi32(sum.lo, a.lo, b.lo),
            _mm256_dpwssd_avx_epi32(sum.hi, a.hi, b.hi)};
  }
#else
  // Pairs of byte products must stay within int16.
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) {
    const __m256i ones = _mm256_set1_epi16(1);
    const auto dot = [&](__m256i s, __m256i a, __m256i b) {
      return _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    };
    return {dot(sum.lo, u8.lo, s8.lo), dot(sum.hi, u8.hi, s8.hi)};
  }
  static I16 DotWords(I16 sum, I16 a, I16 b) {
    return {_mm256_add_epi32(sum.lo, _mm256_madd_epi16(a.lo, b.lo)),
            _mm256_add_epi32(sum.hi, _mm256_madd_epi16(a.hi, b.hi))};
  }
#endif

  template <bool kHigh>
  I16 LookUpNibbles(const std::uint8_t* table) const {
    const __m256i entries =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
    const auto look_up = [&](__m256i x) {
      const __m256i nibbles = kHigh ? _mm256_srli_epi16(x, 4) : x;
      return _mm256_shuffle_epi8(entries, _mm256_and_si256(nibbles, _mm256_set1_epi8(15)));
    };
    return {look_up(lo), look_up(hi)};
  }
};

// By arithmetic: the tables are not used.
struct Fp8Words {
  Fp8Words(const std::uint8_t*, const std::uint8_t*, const std::uint8_t*) {}

  template <unsigned kFirst>
  I16 Main(I16 codes) const {
    return {Pair<kFirst, false>(codes.lo), Pair<kFirst, false>(codes.hi)};
  }
  template <unsigned kFirst>
  I16 Rest(I16 codes) const {
    return {Pair<kFirst, true>(codes.lo), Pair<kFirst, true>(codes.hi)};
  }
  static bool AnyRest(I16 codes) {
    const auto any = [](__m256i x) {
      const __m256i magnitude = _mm256_and_si256(x, _mm256_set1_epi8(0x7F));
      const __m256i small = _mm256_cmpgt_epi8(_mm256_set1_epi8(32), magnitude);
      return _mm256_testz_si256(small, magnitude) == 0;
    };
    return any(codes.lo) || any(codes.hi);
  }

 private:
  template <unsigned kFirst, bool kRest>
  static __m256i Pair(__m256i codes) {
    const __m256i first = _mm256_srli_epi32(codes, 8 * kFirst);
    const __m256i second = _mm256_srli_epi32(codes, 8 * kFirst + 16);
    return _mm256_or_si256(_mm256_and_si256(Word<kRest>(first), _mm256_set1_epi32(0xFFFF)),
                           _mm256_slli_epi32(Word<kRest>(second), 16));
  }
  // The low byte of every lane. 512 times the value is (8 + m) 2^(e - 1), or m where e is 0.
  template <bool kRest>
  static __m256i Word(__m256i code) {
    const auto all = [](int x) { return _mm256_set1_epi32(x); };
    const __m256i field = _mm256_and_si256(_mm256_srli_epi32(code, 3), all(15));
    const __m256i leading = _mm256_andnot_si256(_mm256_cmpeq_epi32(field, all(0)), all(8));
    const __m256i digits = _mm256_or_si256(_mm256_and_si256(code, all(7)), leading);
    const __m256i e = _mm256_max_epi32(field, all(1));
    const __m256i value = _mm256_sllv_epi32(digits, _mm256_sub_epi32(e, all(1)));
    const __m256i magnitude = kRest ? _mm256_and_si256(value, all(7)) : _mm256_srli_epi32(value, 3);
    const __m256i negative = _mm256_srai_epi32(_mm256_slli_epi32(code, 24), 31);
    return _mm256_sub_epi32(_mm256_xor_si256(magnitude, negative), negative);
  }
};

inline void TransposeWords(const std::uint8_t* const* rows, std::uint8_t* out) {
  for (std::size_t half = 0; half < 2; ++half)          // rows 8 half to 8 half + 7
    for (std::size_t from = 0; from < 16; from += 8) {  // words
      __m256i a[8], b[8];
      for (std::size_t i = 0; i < 8; ++i)
        a[i] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows[8 * half + i] + 4 * from));
      for (std::size_t i = 0; i < 8; i += 2) {
        b[i] = _mm256_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_epi32(a[i], a[i + 1]);
      }
      for (std::size_t i = 0; i < 8; i += 4)
        for (std::size_t j = 0; j < 2; ++j) {
          a[i + 2 * j] = _mm256_unpacklo_epi64(b[i + j], b[i + 2 + j]);
          a[i + 2 * j + 1] = _mm256_unpackhi_epi64(b[i + j], b[i + 2 + j]);
        }
      for (std::size_t w = 0; w < 4; ++w) {
        const auto store = [&](std::size_t word, __m256i v) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 64 * (from + word) + 32 * half), v);
        };
        store(w, _mm256_permute2x128_si256(a[w], a[4 + w], 0x20));
        store(4 + w, _mm256_permute2x128_si256(a[w], a[4 + w], 0x31));
      }
    }
}

}  // namespace hadal::kernels::HADAL_ISA
