// Sixteen 32-bit integer lanes for AVX-512 with VNNI and VBMI, each seen as four bytes or two words
// where a product wants that. integers_avx2.h has the same names and gives the same bits.
//
// Included only by *_avx512.cc; see lanes_avx512.h.
#pragma once
#include "kernels/lanes_avx512.h"

namespace hadal::kernels::HADAL_ISA {

// A register tile of integer products: kTileTokens rows of x by kPanels times sixteen weight rows.
inline constexpr std::size_t kTileTokens = 6, kPanels = 2;

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
  void Store(std::uint8_t* p) const { _mm512_storeu_si512(p, v); }
  static I16 From(U16 bits) { return {bits.v}; }
  U16 Bits() const { return {v}; }
  F16 ToFloat() const { return {_mm512_cvtepi32_ps(v)}; }
  friend I16 operator-(I16 a, I16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
  I16 Left(I16 bits) const { return {_mm512_sllv_epi32(v, bits.v)}; }  // bits of every lane
  bool IsZero() const { return _mm512_test_epi32_mask(v, v) == 0; }
  void StoreWords(std::uint8_t* p) const {  // each lane's low 16 bits
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
  }

  // sum + unsigned bytes . signed bytes; sum + signed words . signed words; both modulo 2^32.
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) { return {_mm512_dpbusd_epi32(sum.v, u8.v, s8.v)}; }
  static I16 DotWords(I16 sum, I16 a, I16 b) { return {_mm512_dpwssd_epi32(sum.v, a.v, b.v)}; }

  // The table's entry for each byte's low (kHigh: high) nibble.
  template <bool kHigh>
  I16 LookUpNibbles(const std::uint8_t* table) const {
    const __m512i entries =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
    const __m512i nibbles = kHigh ? _mm512_srli_epi16(v, 4) : v;
    return {_mm512_shuffle_epi8(entries, _mm512_and_si512(nibbles, _mm512_set1_epi8(15)))};
  }
};

// E4M3 bytes to words: 64 times the value cut to an integer, and 512 times what was cut off; tables
// of the magnitudes' low and high bytes are the caller's.
struct Fp8Words {
  explicit Fp8Words(const std::uint8_t* low, const std::uint8_t* high, const std::uint8_t* rest)
      : low0(_mm512_loadu_si512(low)),
        low1(_mm512_loadu_si512(low + 64)),
        high0(_mm512_loadu_si512(high)),
        high1(_mm512_loadu_si512(high + 64)),
        rest0(_mm512_loadu_si512(rest)) {}

  // Bytes kFirst and kFirst + 2 of every lane as two words.
  template <unsigned kFirst>
  I16 Main(I16 codes) const {
    const __m512i twice = Twice<kFirst>(codes.v);
    const __m512i low = _mm512_permutex2var_epi8(low0, twice, low1);
    const __m512i high = _mm512_permutex2var_epi8(high0, twice, high1);
    return Signed(_mm512_mask_blend_epi8(kOdd, low, high), twice);
  }
  template <unsigned kFirst>
  I16 Rest(I16 codes) const {
    const __m512i twice = Twice<kFirst>(codes.v);
    const __mmask64 small = _mm512_cmplt_epu8_mask(_mm512_and_si512(twice, _mm512_set1_epi8(0x7F)),
                                                   _mm512_set1_epi8(32));
    return Signed(_mm512_maskz_permutexvar_epi8(small & ~kOdd, twice, rest0), twice);
  }
  // Whether Rest could be other than zero.
  static bool AnyRest(I16 codes) {
    const __m512i magnitude = _mm512_and_si512(codes.v, _mm512_set1_epi8(0x7F));
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(magnitude, _mm512_set1_epi8(1)),
                                  _mm512_set1_epi8(31)) != 0;
  }

 private:
  static constexpr __mmask64 kOdd = 0xAAAAAAAAAAAAAAAAull;
  template <unsigned kFirst>
  static __m512i Twice(__m512i codes) {
    constexpr int kFrom = kFirst == 0 ? 0x02020000 : 0x03030101;
    const __m128i pattern =
        _mm_setr_epi32(kFrom, kFrom + 0x04040404, kFrom + 0x08080808, kFrom + 0x0C0C0C0C);
    return _mm512_shuffle_epi8(codes, _mm512_broadcast_i32x4(pattern));
  }
  static I16 Signed(__m512i words, __m512i codes) {
    return {
        _mm512_mask_sub_epi16(words, _mm512_movepi16_mask(codes), _mm512_setzero_si512(), words)};
  }
  __m512i low0, low1, high0, high1, rest0;
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
