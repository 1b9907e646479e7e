// Sixteen 32-bit integer lanes for AVX2, with AVX-VNNI where the file is compiled for it, each in
// two registers. The names and the bits of integers_avx512.h; see there.
#pragma once
#include "kernels/lanes_avx2.h"

#include "kernels/codes.inc"

namespace hadal::kernels::HADAL_ISA {

inline constexpr std::size_t kTileTokens = 4, kPanels = 1;
inline constexpr std::size_t kPairsARound = 1;  // with more, sums go through memory

// Tokens at most that weights go through registers for; for more, decoding into memory once is
// faster.
inline constexpr std::size_t kDirectFp4 = 4, kDirectFp8 = 8;

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
  // Loaded once however often it is used: lines that codes straddle are what such loops wait for.
  static I16 LoadOnce(const std::uint8_t* p) {
    I16 x = Load(p);
    asm("" : "+x"(x.lo), "+x"(x.hi));
    return x;
  }
  void Store(std::uint8_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), lo);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), hi);
  }
  static I16 From(U16 bits) { return {bits.lo, bits.hi}; }
  U16 Bits() const { return {lo, hi}; }
  F16 ToFloat() const { return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)}; }
  friend I16 operator+(I16 a, I16 b) {
    return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
  }
  friend I16 operator-(I16 a, I16 b) {
    return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
  }
  template <int kBits>
  I16 Left() const {
    return {_mm256_slli_epi32(lo, kBits), _mm256_slli_epi32(hi, kBits)};
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

  static I16 ProductWords(I16 a, I16 b) {  // each word's, modulo 2^16
    return {_mm256_mullo_epi16(a.lo, b.lo), _mm256_mullo_epi16(a.hi, b.hi)};
  }
  // Lanes r, 4 + r, 8 + r and 12 + r, added, for every r.
  F4 SumOfQuarters() const {
    const __m256i half = _mm256_add_epi32(lo, hi);
    return {_mm_cvtepi32_ps(
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)))};
  }
  // Lane 4 i + r: lanes r, 4 + r, 8 + r and 12 + r of the i-th, added.
  static I16 SumsOfQuarters(const I16 (&of)[4]) {
    const auto sums = [](I16 a, I16 b) {
      const __m256i p = _mm256_add_epi32(a.lo, a.hi), q = _mm256_add_epi32(b.lo, b.hi);
      return _mm256_add_epi32(_mm256_permute2x128_si256(p, q, 0x20),
                              _mm256_permute2x128_si256(p, q, 0x31));
    };
    return {sums(of[0], of[1]), sums(of[2], of[3])};
  }
  // Lane 4 i + r: the sum of lanes 4 i to 4 i + 3 of the r-th. Those of two must stay within int16.
  static I16 SumsOfFours(const I16 (&of)[4]) {
    const __m256i ones = _mm256_set1_epi16(1);
    const auto sums = [&](__m256i a, __m256i b, __m256i c, __m256i d) {
      const __m256 ab = _mm256_castsi256_ps(_mm256_madd_epi16(_mm256_packs_epi32(a, b), ones));
      const __m256 cd = _mm256_castsi256_ps(_mm256_madd_epi16(_mm256_packs_epi32(c, d), ones));
      return _mm256_add_epi32(_mm256_castps_si256(_mm256_shuffle_ps(ab, cd, 0x88)),
                              _mm256_castps_si256(_mm256_shuffle_ps(ab, cd, 0xDD)));
    };
    return {sums(of[0].lo, of[1].lo, of[2].lo, of[3].lo),
            sums(of[0].hi, of[1].hi, of[2].hi, of[3].hi)};
  }
  // Lane 4 i + j: the i-th of four in memory.
  static I16 Spread(const std::uint8_t* p) {
    const __m256i four =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {_mm256_permutevar8x32_epi32(four, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1)),
            _mm256_permutevar8x32_epi32(four, _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3))};
  }
  static I16 Repeat(const std::uint8_t* p) {  // lane 4 i + j: the j-th
    const __m256i four =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {four, four};
  }
  // Lane 4 i + r: byte i of the r-th pointer.
  static I16 FourByFour(const std::uint8_t* const (&p)[4]) {
    const __m128i bytes = TransposedFours(p);
    return {_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
  }

#ifdef __AVXVNNI__
  static I16 DotTwoBytes(I16 u8, I16 s8, I16 more_u8, I16 more_s8) {
    return DotBytes(DotBytes(Zero(), u8, s8), more_u8, more_s8);
  }
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) {
    return {_mm256_dpbusd_avx_epi32(sum.lo, u8.lo, s8.lo),
            _mm256_dpbusd_avx_epi32(sum.hi, u8.hi, s8.hi)};
  }
  static I16 DotWords(I16 sum, I16 a, I16 b) {
    return {_mm256_dpwssd_avx_epi32(sum.lo, a.lo, b.lo),
            _mm256_dpwssd_avx_epi32(sum.hi, a.hi, b.hi)};
  }
#else
  // Pairs of byte products must stay within int16, and of DotTwoBytes the sums of two pairs.
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) {
    const __m256i ones = _mm256_set1_epi16(1);
    const auto dot = [&](__m256i s, __m256i a, __m256i b) {
      return _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), ones));
    };
    return {dot(sum.lo, u8.lo, s8.lo), dot(sum.hi, u8.hi, s8.hi)};
  }
  static I16 DotTwoBytes(I16 u8, I16 s8, I16 more_u8, I16 more_s8) {
    const auto dot = [](__m256i a, __m256i b, __m256i c, __m256i d) {
      const __m256i sum = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(c, d));
      return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
    };
    return {dot(u8.lo, s8.lo, more_u8.lo, more_s8.lo), dot(u8.hi, s8.hi, more_u8.hi, more_s8.hi)};
  }
  static I16 DotWords(I16 sum, I16 a, I16 b) {
    return {_mm256_add_epi32(sum.lo, _mm256_madd_epi16(a.lo, b.lo)),
            _mm256_add_epi32(sum.hi, _mm256_madd_epi16(a.hi, b.hi))};
  }
#endif
  static I16 DotTwoWords(I16 a, I16 b, I16 more_a, I16 more_b) {
    return DotWords(DotWords(Zero(), a, b), more_a, more_b);
  }

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

// Words of E4M3 codes: those of bytes 0 and 2 of every lane, and of bytes 1 and 3.
struct WordPair {
  I16 even, odd;
};

// See kFp8Tables (codes.inc).
struct Fp8Factors {
  WordPair digits, powers;
};

class Fp8Words {
 public:
  // 512 times the values, as products.
  static Fp8Factors Exact(I16 codes) {
    const auto digits_of = [](__m256i c) {
      return _mm256_min_epu8(Digits(c), _mm256_and_si256(c, _mm256_set1_epi8(0x7F)));
    };
    const I16 digits = {digits_of(codes.lo), digits_of(codes.hi)};
    return {Split(digits), PowersOf(codes, kFp8Tables.exact)};
  }
  // 64 times the large values; zero for others.
  static WordPair Large(I16 codes) {
    const WordPair digits = Split({Digits(codes.lo), Digits(codes.hi)});
    const WordPair powers = PowersOf(codes, kFp8Tables.large);
    return {I16::ProductWords(digits.even, powers.even), I16::ProductWords(digits.odd, powers.odd)};
  }
  // Whether a small value or a zero is there.
  static bool AnySmall(I16 codes) {
    const __m256i least = _mm256_min_epu8(Top(codes.lo), Top(codes.hi));
    return _mm256_movemask_epi8(IsZeroByte(least)) != 0;
  }
  // Bit i: byte i is a small value but zero.
  static std::uint64_t WhereSmall(I16 codes) {
    const auto where = [](__m256i c) -> std::uint64_t {
      const __m256i zero = IsZeroByte(_mm256_and_si256(c, _mm256_set1_epi8(0x1F)));
      const __m256i small = _mm256_andnot_si256(zero, IsZeroByte(Top(c)));
      return static_cast<std::uint32_t>(_mm256_movemask_epi8(small));
    };
    return where(codes.lo) | where(codes.hi) << 32;
  }
  // 512 times the small values; zero for others.
  static WordPair Small(I16 codes) {
    const I16 bytes = {SmallBytes(codes.lo), SmallBytes(codes.hi)};
    const auto high = [](__m256i x) { return _mm256_srai_epi16(x, 8); };
    const auto low = [&](__m256i x) { return high(_mm256_slli_epi16(x, 8)); };
    return {{low(bytes.lo), low(bytes.hi)}, {high(bytes.lo), high(bytes.hi)}};
  }

 private:
  static __m256i LookUp(const std::uint8_t* table, __m256i nibbles) {
    const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), nibbles);
  }
  static __m256i LowNibbles(__m256i x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
  static __m256i Digits(__m256i codes) { return LookUp(kFp8Tables.digits, LowNibbles(codes)); }
  static WordPair Split(I16 bytes) {  // unsigned ones
    const __m256i low = _mm256_set1_epi16(0x00FF);
    return {{_mm256_and_si256(bytes.lo, low), _mm256_and_si256(bytes.hi, low)},
            {_mm256_srli_epi16(bytes.lo, 8), _mm256_srli_epi16(bytes.hi, 8)}};
  }
  static WordPair PowersOf(I16 codes, const Fp8Tables::Powers& powers) {
    const __m256i low_bytes = _mm256_set1_epi16(0x00FF);
    WordPair out;
    const auto put = [&](__m256i c, __m256i& even, __m256i& odd) {
      const __m256i exponents = LowNibbles(_mm256_srli_epi16(c, 4));
      const __m256i low = LookUp(powers.low, exponents), high = LookUp(powers.high, exponents);
      even = _mm256_or_si256(_mm256_and_si256(low, low_bytes), _mm256_slli_epi16(high, 8));
      odd = _mm256_or_si256(_mm256_srli_epi16(low, 8), _mm256_andnot_si256(low_bytes, high));
    };
    put(codes.lo, out.even.lo, out.odd.lo);
    put(codes.hi, out.even.hi, out.odd.hi);
    return out;
  }

  // Zero for small values and zeros: those whose exponent is below 4.
  static __m256i Top(__m256i codes) { return _mm256_and_si256(codes, _mm256_set1_epi8(0x60)); }
  static __m256i IsZeroByte(__m256i x) { return _mm256_cmpeq_epi8(x, _mm256_setzero_si256()); }
  static __m256i SmallBytes(__m256i codes) {
    const __m256i first = LookUp(kFp8Tables.small, LowNibbles(codes));
    const __m256i second = LookUp(kFp8Tables.small + 16, LowNibbles(codes));
    const __m256i is_second = _mm256_slli_epi16(codes, 3);  // bit 4 to the top
    const __m256i magnitudes =
        _mm256_and_si256(_mm256_blendv_epi8(first, second, is_second), IsZeroByte(Top(codes)));
    return _mm256_sign_epi8(magnitudes, codes);
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
#include "kernels/integers_x86.inc"
