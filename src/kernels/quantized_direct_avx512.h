// Integer products for a few tokens: weights go from memory through registers once, four rows at a
// time, their columns in the lanes, at the speed of the memory bus. Bits as in quantized_matmul_simd.inc.
//
// Included only by quantized_matmul_avx512.cc.
#pragma once
#include "kernels/codes.inc"
#include "kernels/dot_tile.inc"
#include "kernels/integers_avx512.h"
#include "kernels/simd_args.h"

namespace hadal::kernels::avx512 {

inline constexpr std::size_t kDirectMost = 4;  // tokens

inline __m128 FourScales(const std::uint8_t* a, const std::uint8_t* b, const std::uint8_t* c,
                         const std::uint8_t* d) {
  return _mm_setr_ps(kE8m0.of[*a], kE8m0.of[*b], kE8m0.of[*c], kE8m0.of[*d]);
}

inline void StoreRows(const QuantizedUnit& unit, std::size_t row, std::size_t token, __m128 sum) {
  sum = _mm_add_ps(sum, _mm_setzero_ps());  // one zero
  const std::size_t left = unit.rows - row;
  float* y = unit.y[token] + row;
  if (left >= 4) return _mm_storeu_ps(y, sum);
  _mm_mask_storeu_ps(y, static_cast<__mmask8>((1u << left) - 1), sum);
}

// Rows row to row + 3; beyond the unit's end its last.
struct FourRows {
  const std::uint8_t *codes[4], *scales[4];
  FourRows(const QuantizedUnit& unit, std::size_t row) {
    for (std::size_t r = 0; r < 4; ++r) {
      const std::size_t n = row + r < unit.rows ? row + r : unit.rows - 1;
      codes[r] = unit.codes + n * unit.code_bytes;
      scales[r] = unit.scales + n * unit.scale_bytes;
    }
  }
};

// The scales of four rows' next four blocks, lane 4 b + r: a[r] has the bytes of row r.
inline __m512 BlockScales(__m128i bytes) {
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i code = _mm512_cvtepu8_epi32(_mm_shuffle_epi8(bytes, order));
  const __m512i nan =
      _mm512_slli_epi32(_mm512_srli_epi32(_mm512_add_epi32(code, _mm512_set1_epi32(1)), 8), 22);
  return _mm512_castsi512_ps(_mm512_or_si512(
      _mm512_max_epu32(_mm512_slli_epi32(code, 23), _mm512_set1_epi32(0x00400000)), nan));
}

// The dot products of 128 columns of row r, eight columns a lane, without the offsets.
template <std::size_t kTokens>
inline void DotFp4Columns(__m512i codes, const QuantizedUnit& unit, std::size_t k, std::size_t r,
                          __m512i (&dots)[kTokens][4]) {
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kFp4Bytes)));
  const __m512i low_nibble = _mm512_set1_epi8(15);
  const __m512i even = _mm512_shuffle_epi8(table, _mm512_and_si512(codes, low_nibble));
  const __m512i odd =
      _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_nibble));
  for (std::size_t t = 0; t < kTokens; ++t) {
    const std::uint8_t* x = unit.x[t] + k;
    dots[t][r] = _mm512_dpbusd_epi32(
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), even, _mm512_loadu_si512(x)), odd,
        _mm512_loadu_si512(x + 64));
  }
}

// Adds 128 columns of four rows to sum, lane 4 (b mod 4) + r, for blocks b of 32.
inline __m512 AddFp4Blocks(const __m512i (&dots)[4], __m512 scales, const std::uint8_t* x_scales,
                           const std::uint8_t* x_offsets, __m512 sum) {
  const __m512i ones = _mm512_set1_epi16(1);
  const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  const auto four = [&](const std::uint8_t* at) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm512_permutexvar_epi32(spread, _mm512_castsi128_si512(v));
  };
  // Eight columns' sums stay below 2^15.
  const __m512i pairs01 = _mm512_madd_epi16(_mm512_packs_epi32(dots[0], dots[1]), ones);
  const __m512i pairs23 = _mm512_madd_epi16(_mm512_packs_epi32(dots[2], dots[3]), ones);
  const __m512 a = _mm512_castsi512_ps(pairs01), b = _mm512_castsi512_ps(pairs23);
  const __m512i block = _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(a, b, 0x88)),
                                         _mm512_castps_si512(_mm512_shuffle_ps(a, b, 0xDD)));
  const __m512 value = _mm512_cvtepi32_ps(_mm512_add_epi32(block, four(x_offsets)));
  return _mm512_fmadd_ps(value, _mm512_mul_ps(_mm512_castsi512_ps(four(x_scales)), scales), sum);
}

// The line of the next four rows, into the second-level cache: many misses must be on their way, and
// the processor's own prefetchers do not follow four short streams.
inline void PrefetchNextRows(const QuantizedUnit& unit, const std::uint8_t* codes) {
  _mm_prefetch(codes + 4 * unit.code_bytes, _MM_HINT_T1);
}

template <std::size_t kTokens>
inline void DirectFp4(const QuantizedUnit& unit) {
  const std::size_t scales_at = (unit.cols + 127) / 128 * 128, offsets_at = scales_at / 8 * 9;
  for (std::size_t row = 0; row < unit.rows; row += 4) {
    const FourRows rows(unit, row);
    __m512 sums[kTokens];
    for (auto& sum : sums) sum = _mm512_setzero_ps();
    const auto add = [&](std::size_t k, __mmask64 some, __m128i scales) {
      __m512i dots[kTokens][4];
      for (std::size_t r = 0; r < 4; ++r) {
        PrefetchNextRows(unit, rows.codes[r] + k / 2);
        DotFp4Columns<kTokens>(_mm512_maskz_loadu_epi8(some, rows.codes[r] + k / 2), unit, k, r,
                               dots);
      }
      const __m512 w = BlockScales(scales);
      for (std::size_t t = 0; t < kTokens; ++t) {
        const std::uint8_t* x = unit.x[t] + k / 8;
        sums[t] = AddFp4Blocks(dots[t], w, x + scales_at, x + offsets_at, sums[t]);
      }
    };
    std::size_t k = 0;
    for (; k + 128 <= unit.cols; k += 128) {
      const auto four = [&](std::size_t r) {
        int bytes;
        __builtin_memcpy(&bytes, rows.scales[r] + k / 32, 4);
        return bytes;
      };
      add(k, ~0ull, _mm_setr_epi32(four(0), four(1), four(2), four(3)));
    }
    if (k < unit.cols) {
      const std::size_t n = unit.cols - k;
      std::uint8_t scales[16] = {};
      for (std::size_t r = 0; r < 4; ++r)
        __builtin_memcpy(scales + 4 * r, rows.scales[r] + k / 32, n / 32);
      add(k, (1ull << n / 2) - 1, _mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
    }
    for (std::size_t t = 0; t < kTokens; ++t) {
      const __m128 p0 = _mm512_castps512_ps128(sums[t]), p1 = _mm512_extractf32x4_ps(sums[t], 1);
      const __m128 p2 = _mm512_extractf32x4_ps(sums[t], 2), p3 = _mm512_extractf32x4_ps(sums[t], 3);
      StoreRows(unit, row, t, _mm_add_ps(_mm_add_ps(p0, p1), _mm_add_ps(p2, p3)));
    }
  }
}

// 64 times the values of sixty-four E4M3 codes, cut to integers: as words, the even codes' and the odd ones'.
struct Fp8EvenOdd {
  __m512i even, odd;
};

// The tables are of the magnitude's low and high byte (codes.inc, kFp8Tables), in two registers each.
struct Fp8Decoder {
  __m512i low0 = _mm512_loadu_si512(kFp8Tables.low), low1 = _mm512_loadu_si512(kFp8Tables.low + 64);
  __m512i high0 = _mm512_loadu_si512(kFp8Tables.high),
          high1 = _mm512_loadu_si512(kFp8Tables.high + 64);

  Fp8EvenOdd operator()(__m512i codes) const {
    constexpr __mmask64 kOddBytes = 0xAAAAAAAAAAAAAAAAull;
    const __m512i low = _mm512_permutex2var_epi8(low0, codes, low1);
    const __m512i high = _mm512_permutex2var_epi8(high0, codes, high1);
    const __m512i even = _mm512_mask_blend_epi8(kOddBytes, low, _mm512_slli_epi16(high, 8));
    const __m512i odd = _mm512_mask_blend_epi8(kOddBytes, _mm512_srli_epi16(low, 8), high);
    return {Signed(even, _mm512_test_epi16_mask(codes, _mm512_set1_epi16(0x0080))),
            Signed(odd, _mm512_movepi16_mask(codes))};
  }

 private:
  static __m512i Signed(__m512i words, __mmask32 negative) {
    return _mm512_mask_sub_epi16(words, negative, _mm512_setzero_si512(), words);
  }
};

// The lower three bits of 512 times the values of the columns in `small`, times x: rare ones.
inline std::int32_t Fp8RestDot(const std::uint8_t* codes, std::uint64_t small,
                               const std::uint8_t* x) {
  std::int32_t sum = 0;
  for (; small != 0; small &= small - 1) {
    const auto i = static_cast<std::size_t>(__builtin_ctzll(small));
    const unsigned code = codes[i], e = code >> 3 & 15, m = code & 7;
    const std::int32_t rest = static_cast<std::int32_t>(e == 0 ? m : (8 + m) << (e - 1)) & 7;
    std::int16_t q;
    __builtin_memcpy(&q, x + 2 * (i % 2 * 32 + i / 2), 2);
    sum += code < 128 ? rest * q : -rest * q;
  }
  return sum;
}

// The sum of the sixteen lanes of each.
inline __m128i FourSums(const __m512i (&dots)[4]) {
  const auto pair = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
  };
  const __m512i p = pair(dots[0], dots[1]), q = pair(dots[2], dots[3]);
  const __m512i quad = _mm512_add_epi32(_mm512_unpacklo_epi64(p, q), _mm512_unpackhi_epi64(p, q));
  const __m256i half =
      _mm256_add_epi32(_mm512_castsi512_si256(quad), _mm512_extracti64x4_epi64(quad, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

// Of 64 columns from k on, those before `cols`.
inline __mmask64 FirstBytes(std::size_t cols, std::size_t k) {
  return cols >= k + 64 ? ~0ull : cols > k ? (1ull << (cols - k)) - 1 : 0;
}

// The columns of row r in block b of 128, all there if kWhole; `small` are those that may have a rest.
template <std::size_t kTokens, bool kWhole>
inline void DotFp8Columns(const QuantizedUnit& unit, const std::uint8_t* codes, std::size_t b,
                          std::size_t r, const Fp8Decoder& decode, __m512i (&dots)[kTokens][4],
                          std::uint64_t (&small)[2]) {
  __m512i sums[kTokens];
  for (auto& sum : sums) sum = _mm512_setzero_si512();
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t from = 64 * half;
    const __m512i v =
        kWhole ? _mm512_loadu_si512(codes + from)
               : _mm512_maskz_loadu_epi8(FirstBytes(unit.cols, 128 * b + from), codes + from);
    PrefetchNextRows(unit, codes + from);
    small[half] = _mm512_testn_epi8_mask(v, _mm512_set1_epi8(0x60));
    if (!kWhole) small[half] &= FirstBytes(unit.cols, 128 * b + from);
    const auto [even, odd] = decode(v);
    for (std::size_t t = 0; t < kTokens; ++t) {
      const std::uint8_t* x = unit.x[t] + 2 * (128 * b + from);
      sums[t] = _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sums[t], even, _mm512_loadu_si512(x)), odd,
                                    _mm512_loadu_si512(x + 64));
    }
  }
  for (std::size_t t = 0; t < kTokens; ++t) dots[t][r] = sums[t];
}

template <std::size_t kTokens>
inline void DirectFp8(const QuantizedUnit& unit) {
  const Fp8Decoder decode;
  const std::size_t scales_at = (unit.cols + 127) / 128 * 256;
  for (std::size_t row = 0; row < unit.rows; row += 4) {
    const FourRows rows(unit, row);
    const std::uint8_t* scales[4];
    for (std::size_t r = 0; r < 4; ++r) {
      const std::size_t n = row + r < unit.rows ? row + r : unit.rows - 1;
      scales[r] = unit.scales + (unit.first_row_in_block + n) / 128 * unit.scale_bytes;
    }
    __m128 sums[kTokens];
    for (auto& sum : sums) sum = _mm_setzero_ps();
    const auto add = [&](std::size_t b, auto whole) {
      __m512i dots[kTokens][4];
      std::uint64_t small[4][2], any = 0;
      for (std::size_t r = 0; r < 4; ++r) {
        DotFp8Columns<kTokens, whole.value != 0>(unit, rows.codes[r] + 128 * b, b, r, decode, dots,
                                                 small[r]);
        any |= small[r][0] | small[r][1];
      }
      const __m128 w_scale = FourScales(scales[0] + b, scales[1] + b, scales[2] + b, scales[3] + b);
      for (std::size_t t = 0; t < kTokens; ++t) {
        float x_scale;
        __builtin_memcpy(&x_scale, unit.x[t] + scales_at + 4 * b, 4);
        const __m128 scale = _mm_mul_ps(_mm_set1_ps(x_scale), w_scale);
        sums[t] = _mm_fmadd_ps(_mm_cvtepi32_ps(FourSums(dots[t])), scale, sums[t]);
        if (any == 0) continue;
        const auto rest = [&](std::size_t r) {
          const std::uint8_t *from = rows.codes[r] + 128 * b, *x = unit.x[t] + 256 * b;
          return Fp8RestDot(from, small[r][0], x) + Fp8RestDot(from + 64, small[r][1], x + 128);
        };
        const __m128i rests = _mm_setr_epi32(rest(0), rest(1), rest(2), rest(3));
        sums[t] =
            _mm_fmadd_ps(_mm_cvtepi32_ps(rests), _mm_mul_ps(_mm_set1_ps(0x1p-3f), scale), sums[t]);
      }
    };
    std::size_t b = 0;
    for (; 128 * (b + 1) <= unit.cols; ++b) add(b, Count<1>{});
    if (128 * b < unit.cols) add(b, Count<0>{});
    for (std::size_t t = 0; t < kTokens; ++t) StoreRows(unit, row, t, sums[t]);
  }
}

}  // namespace hadal::kernels::avx512
