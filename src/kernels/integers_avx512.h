// Sixteen 32-bit integer lanes for AVX-512 with VNNI and VBMI, each seen as four bytes or two words
// where a product wants that. integers_avx2.h has the same names and gives the same bits.
//
// Included only by *_avx512.cc; see lanes_avx512.h.
#pragma once
#include "kernels/lanes_avx512.h"

#include "kernels/codes.inc"

namespace hadal::kernels::HADAL_ISA {

// A register tile of integer products: kTileTokens rows of x by kPanels times sixteen weight rows.
inline constexpr std::size_t kTileTokens = 6, kPanels = 2;
// Pairs of columns in a round of the loop of FP8 products; g++ copies all sums in every round.
inline constexpr std::size_t kPairsARound = 4;

// Tokens at most that weights go through registers for; for more, decoding into memory once is
// faster.
inline constexpr std::size_t kDirectFp4 = 4, kDirectFp8 = 8;

struct I16 {
  __m512i v;
  static I16 Zero() { return {_mm512_setzero_si512()}; }
  static I16 Splat(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
  static I16 SplatWord(const std::uint8_t* p) {  // four bytes of memory into every lane
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return {_mm512_set1_epi32(x)};
  }
  static I16 Load(const std::uint8_t* p) { return {_mm512_loadu_si512(p)}; }
  // Loaded once however often it is used: lines that codes straddle are what such loops wait for.
  static I16 LoadOnce(const std::uint8_t* p) {
    I16 x = Load(p);
    asm("" : "+v"(x.v));
    return x;
  }
  void Store(std::uint8_t* p) const { _mm512_storeu_si512(p, v); }
  static I16 From(U16 bits) { return {bits.v}; }
  U16 Bits() const { return {v}; }
  F16 ToFloat() const { return {_mm512_cvtepi32_ps(v)}; }
  friend I16 operator+(I16 a, I16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
  friend I16 operator-(I16 a, I16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
  template <unsigned kBits>
  I16 Left() const {
    return {_mm512_slli_epi32(v, kBits)};
  }
  I16 Left(I16 bits) const { return {_mm512_sllv_epi32(v, bits.v)}; }  // bits of every lane
  bool IsZero() const { return _mm512_test_epi32_mask(v, v) == 0; }
  void StoreWords(std::uint8_t* p) const {  // each lane's low 16 bits
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
  }

  // sum + unsigned bytes . signed bytes; sum + signed words . signed words; both modulo 2^32.
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) { return {_mm512_dpbusd_epi32(sum.v, u8.v, s8.v)}; }
  static I16 DotWords(I16 sum, I16 a, I16 b) { return {_mm512_dpwssd_epi32(sum.v, a.v, b.v)}; }

  // Of two such products of bytes, within int16.
  static I16 DotTwoBytes(I16 u8, I16 s8, I16 more_u8, I16 more_s8) {
    return DotBytes(DotBytes(Zero(), u8, s8), more_u8, more_s8);
  }
  static I16 DotTwoWords(I16 a, I16 b, I16 more_a, I16 more_b) {
    return DotWords(DotWords(Zero(), a, b), more_a, more_b);
  }

  static I16 ProductWords(I16 a, I16 b) {  // each word's, modulo 2^16
    return {_mm512_mullo_epi16(a.v, b.v)};
  }
  // Lanes r, 4 + r, 8 + r and 12 + r, added, for every r.
  F4 SumOfQuarters() const {
    const __m256i half =
        _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return {_mm_cvtepi32_ps(
        _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)))};
  }
  // Lane 4 i + r: lanes r, 4 + r, 8 + r and 12 + r of the i-th, added.
  static I16 SumsOfQuarters(const I16 (&of)[4]) {
    const auto halves = [](I16 a, I16 b) {
      return _mm512_add_epi32(_mm512_shuffle_i32x4(a.v, b.v, 0x44),
                              _mm512_shuffle_i32x4(a.v, b.v, 0xEE));
    };
    const __m512i ab = halves(of[0], of[1]), cd = halves(of[2], of[3]);
    return {
        _mm512_add_epi32(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xDD))};
  }
  // Lane 4 i + r: the sum of lanes 4 i to 4 i + 3 of the r-th. Those of two must stay within int16.
  static I16 SumsOfFours(const I16 (&of)[4]) {
    const __m512i ones = _mm512_set1_epi16(1);
    const __m512i ab = _mm512_madd_epi16(_mm512_packs_epi32(of[0].v, of[1].v), ones);
    const __m512i cd = _mm512_madd_epi16(_mm512_packs_epi32(of[2].v, of[3].v), ones);
    const __m512 p = _mm512_castsi512_ps(ab), q = _mm512_castsi512_ps(cd);
    return {_mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(p, q, 0x88)),
                             _mm512_castps_si512(_mm512_shuffle_ps(p, q, 0xDD)))};
  }
  // Lane 4 i + j: the i-th of four in memory.
  static I16 Spread(const std::uint8_t* p) {
    const __m512i order = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm512_permutexvar_epi32(order, _mm512_castsi128_si512(four))};
  }
  static I16 Repeat(const std::uint8_t* p) {  // lane 4 i + j: the j-th
    return {_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  // Lane 4 i + r: byte i of the r-th pointer.
  static I16 FourByFour(const std::uint8_t* const (&p)[4]) {
    return {_mm512_cvtepu8_epi32(TransposedFours(p))};
  }

  // The table's entry for each byte's low (kHigh: high) nibble.
  template <bool kHigh>
  I16 LookUpNibbles(const std::uint8_t* table) const {
    const __m512i entries =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
    const __m512i nibbles = kHigh ? _mm512_srli_epi16(v, 4) : v;
    return {_mm512_shuffle_epi8(entries, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)))};
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
    const __m512i magnitudes = _mm512_and_si512(codes.v, _mm512_set1_epi8(0x7F));
    return {Split(_mm512_min_epu8(Digits(codes.v), magnitudes)),
            PowersOf(codes.v, kFp8Tables.exact)};
  }
  // 64 times the large values; zero for others.
  static WordPair Large(I16 codes) {
    const WordPair digits = Split(Digits(codes.v)), powers = PowersOf(codes.v, kFp8Tables.large);
    return {I16::ProductWords(digits.even, powers.even), I16::ProductWords(digits.odd, powers.odd)};
  }
  // Whether a small value or a zero is there.
  static bool AnySmall(I16 codes) { return IsSmall(codes.v) != 0; }
  // Bit i: byte i is a small value but zero.
  static std::uint64_t WhereSmall(I16 codes) {
    return IsSmall(codes.v) & _mm512_test_epi8_mask(codes.v, _mm512_set1_epi8(0x1F));
  }
  // 512 times the small values; zero for others.
  static WordPair Small(I16 codes) {
    const __m512i table = _mm512_castsi256_si512(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFp8Tables.small)));
    const __m512i magnitudes = _mm512_maskz_permutexvar_epi8(IsSmall(codes.v), codes.v, table);
    const __m512i bytes = _mm512_mask_sub_epi8(magnitudes, _mm512_movepi8_mask(codes.v),
                                               _mm512_setzero_si512(), magnitudes);
    return {{_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8)}, {_mm512_srai_epi16(bytes, 8)}};
  }

 private:
  static __m512i Digits(__m512i codes) {
    constexpr int kAndOr = 0xEA;  // (a & b) | c
    return _mm512_ternarylogic_epi32(codes, _mm512_set1_epi8(7), _mm512_set1_epi8(8), kAndOr);
  }
  static WordPair Split(__m512i bytes) {  // unsigned ones
    return {{_mm512_and_si512(bytes, _mm512_set1_epi16(0x00FF))}, {_mm512_srli_epi16(bytes, 8)}};
  }
  static WordPair PowersOf(__m512i codes, const Fp8Tables::Powers& powers) {
    const __m512i words = _mm512_loadu_si512(powers.words);
    return {{_mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 3), words)},
            {_mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 11), words)}};
  }
  // Those whose exponent is below 4.
  static __mmask64 IsSmall(__m512i codes) {
    return _mm512_testn_epi8_mask(codes, _mm512_set1_epi8(0x60));
  }
};

// out[w] = word w, of four bytes, of every row: [16 words, 16 rows].
inline void TransposeWords(const std::uint8_t* const* rows, std::uint8_t* out) {
  __m512i a[16], b[16];
  for (std::size_t i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(rows[i]);
  for (std::size_t i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
  for (std::size_t i = 0; i < 16; i += 4)
    for (std::size_t j = 0; j < 2; ++j) {
      a[i + 2 * j] = _mm512_unpacklo_epi64(b[i + j], b[i + 2 + j]);
      a[i + 2 * j + 1] = _mm512_unpackhi_epi64(b[i + j], b[i + 2 + j]);
    }
  // a[4 g + w], 128-bit lane q: word 4 q + w of rows 4 g to 4 g + 3.
  for (std::size_t w = 0; w < 4; ++w) {
    const __m512i p = _mm512_shuffle_i32x4(a[w], a[4 + w], 0x44);
    const __m512i q = _mm512_shuffle_i32x4(a[w], a[4 + w], 0xEE);
    const __m512i r = _mm512_shuffle_i32x4(a[8 + w], a[12 + w], 0x44);
    const __m512i s = _mm512_shuffle_i32x4(a[8 + w], a[12 + w], 0xEE);
    _mm512_storeu_si512(out + 64 * w, _mm512_shuffle_i32x4(p, r, 0x88));
    _mm512_storeu_si512(out + 64 * (4 + w), _mm512_shuffle_i32x4(p, r, 0xDD));
    _mm512_storeu_si512(out + 64 * (8 + w), _mm512_shuffle_i32x4(q, s, 0x88));
    _mm512_storeu_si512(out + 64 * (12 + w), _mm512_shuffle_i32x4(q, s, 0xDD));
  }
}

}  // namespace hadal::kernels::HADAL_ISA
#include "kernels/integers_x86.inc"
