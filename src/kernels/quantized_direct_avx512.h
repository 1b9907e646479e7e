// Integer products for a few tokens: weights go from memory through registers, four rows at a time,
// their columns in the lanes, at the speed of the memory bus. Bits as in quantized_matmul_simd.inc,
// whose form, sixteen rows a panel, transposes and stores the weights before it uses them: that
// pays when many tokens use them, and for one token it costs more than reading them.
//
// It is AVX-512's alone and not over lanes: four rows' decoded weights beside the sums want
// thirty-two registers, and E4M3 is looked up in 128-byte tables (VBMI).
//
// Included only by quantized_matmul_avx512.cc; other sets include quantized_direct_none.h.
#pragma once
#include "kernels/codes.inc"
#include "kernels/dot_tile.inc"
#include "kernels/integers_avx512.h"
#include "kernels/simd_args.h"

namespace hadal::kernels::avx512 {

// Tokens at most; for more, decoding into memory once is faster.
inline constexpr std::size_t kDirectFp4 = 4, kDirectFp8 = 8;

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

// The line of the next four rows, into the second-level cache: many misses must be on their way,
// and the processor's own prefetchers do not follow four short streams.
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

// 64 times the values of sixty-four E4M3 codes, cut to integers: as words, the even codes' and the
// odd ones'.
struct Fp8EvenOdd {
  __m512i even, odd;
};

// The tables are of the magnitude's low and high byte (codes.inc, kFp8Tables), in two registers
// each.
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

// Groups of 64 columns of four rows where a weight may have a rest: 512 times its value modulo 8,
// not zero only for tiny values. They are noted without a branch, as every other block of four rows
// has one somewhere, and added when the list is full or the stretch ends.
struct RestGroups {
  static constexpr std::size_t kMost = 256;
  std::size_t count = 0;
  std::uint64_t columns[kMost + 8];
  std::size_t at[kMost + 8];  // 4 * the group's place in its row, + the row

  void Note(std::uint64_t some, std::size_t group, std::size_t row) {
    columns[count] = some;
    at[count] = 4 * group + row;
    count += some != 0 ? 1 : 0;
  }
};

// Of four rows, for every token: the blocks' sums but for the rests, and those.
struct DirectSums {
  __m128 main[kDirectFp8];
  alignas(16) float rests[kDirectFp8][4];
};

template <bool kOne>
inline void AddRests(const QuantizedUnit& unit, const FourRows& rows, RestGroups& groups,
                     DirectSums& sums) {
  const std::size_t tokens = kOne ? 1 : unit.tokens;
  const std::size_t scales_at = (unit.cols + 127) / 128 * 256;
  for (std::size_t i = 0; i < groups.count; ++i) {
    const std::size_t group = groups.at[i] / 4, r = groups.at[i] % 4;
    std::int32_t rest[kOne ? 1 : kDirectFp8] = {};
    for (std::uint64_t some = groups.columns[i]; some != 0; some &= some - 1) {  // mostly one
      const auto k = static_cast<std::size_t>(__builtin_ctzll(some));
      const std::uint8_t code = rows.codes[r][64 * group + k];
      const std::int32_t of_code = kFp8Tables.rest[code & 63], sign = code >> 7;
      for (std::size_t t = 0; t < tokens; ++t) {
        std::int16_t q;
        __builtin_memcpy(&q, unit.x[t] + 2 * (64 * group + k % 2 * 32 + k / 2), 2);
        rest[t] += ((of_code ^ -sign) + sign) * q;
      }
    }
    for (std::size_t t = 0; t < tokens; ++t) {
      float x_scale;
      __builtin_memcpy(&x_scale, unit.x[t] + scales_at + 4 * (group / 2), 4);
      float& sum = sums.rests[t][r];
      const float scale = 0x1p-3f * (x_scale * kE8m0.of[rows.scales[r][group / 2]]);
      sum = __builtin_fmaf(static_cast<float>(rest[t]), scale, sum);
    }
  }
  groups.count = 0;
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

struct Fp8Row {  // 128 columns
  Fp8EvenOdd half[2];
};

// Row r in block b of 128 columns, all there if kWhole.
template <bool kWhole>
inline Fp8Row DecodeFp8Row(const QuantizedUnit& unit, const FourRows& rows, std::size_t b,
                           std::size_t r, const Fp8Decoder& decode, RestGroups& rests) {
  Fp8Row w;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t k = 128 * b + 64 * half;
    const __mmask64 there = kWhole ? ~0ull : FirstBytes(unit.cols, k);
    const std::uint8_t* codes = rows.codes[r] + k;
    const __m512i v = kWhole ? _mm512_loadu_si512(codes) : _mm512_maskz_loadu_epi8(there, codes);
    PrefetchNextRows(unit, codes);
    rests.Note(_mm512_testn_epi8_mask(v, _mm512_set1_epi8(0x60)) & there, 2 * b + half, r);
    w.half[half] = decode(v);
  }
  return w;
}

inline __m512i DotFp8Row(const Fp8Row& w, const std::uint8_t* x) {
  __m512i dot = _mm512_setzero_si512();
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint8_t* at = x + 128 * half;
    dot = _mm512_dpwssd_epi32(dot, w.half[half].even, _mm512_loadu_si512(at));
    dot = _mm512_dpwssd_epi32(dot, w.half[half].odd, _mm512_loadu_si512(at + 64));
  }
  return dot;
}

// Adds blocks [begin, end) of four rows. kOne: for one token.
template <bool kOne>
[[gnu::noinline]] void AddDirectFp8(const QuantizedUnit& unit, std::size_t row, std::size_t begin,
                                    std::size_t end, DirectSums& sums) {
  const Fp8Decoder decode;
  const std::size_t scales_at = (unit.cols + 127) / 128 * 256;
  FourRows rows(unit, row);
  for (std::size_t r = 0; r < 4; ++r) {
    const std::size_t n = row + r < unit.rows ? row + r : unit.rows - 1;
    rows.scales[r] = unit.scales + (unit.first_row_in_block + n) / 128 * unit.scale_bytes;
  }
  RestGroups rests;
  const auto add = [&](std::size_t b, auto whole) {
    const auto row_of = [&](std::size_t r) {
      return DecodeFp8Row<whole != 0>(unit, rows, b, r, decode, rests);
    };
    const auto scale_of = [&](std::size_t t) {
      const auto w = [&](std::size_t r) { return rows.scales[r] + b; };
      float x_scale;
      __builtin_memcpy(&x_scale, unit.x[t] + scales_at + 4 * b, 4);
      return _mm_mul_ps(_mm_set1_ps(x_scale), FourScales(w(0), w(1), w(2), w(3)));
    };
    const auto add_dots = [&](std::size_t t, const __m512i(&dots)[4]) {
      sums.main[t] = _mm_fmadd_ps(_mm_cvtepi32_ps(FourSums(dots)), scale_of(t), sums.main[t]);
    };
    __m512i dots[4];
    if constexpr (kOne) {  // each row as it comes
      for (std::size_t r = 0; r < 4; ++r) dots[r] = DotFp8Row(row_of(r), unit.x[0] + 256 * b);
      add_dots(0, dots);
    } else {
      const Fp8Row w[4] = {row_of(0), row_of(1), row_of(2), row_of(3)};
#pragma GCC unroll 1  // the weights fill the registers
      for (std::size_t t = 0; t < unit.tokens; ++t) {
        for (std::size_t r = 0; r < 4; ++r) dots[r] = DotFp8Row(w[r], unit.x[t] + 256 * b);
        add_dots(t, dots);
      }
    }
    if (rests.count > RestGroups::kMost) AddRests<kOne>(unit, rows, rests, sums);
  };
  const std::size_t whole = unit.cols / 128 < end ? unit.cols / 128 : end;
  for (std::size_t b = begin; b < whole; ++b) add(b, Count<1>{});
  for (std::size_t b = whole; b < end; ++b) add(b, Count<0>{});
  AddRests<kOne>(unit, rows, rests, sums);
}

// In stretches of columns for which the tokens' integers stay in a first-level cache.
inline void DirectFp8(const QuantizedUnit& unit) {
  constexpr std::size_t kXBytes = 16384;
  const std::size_t blocks = (unit.cols + 127) / 128, stretch = kXBytes / (256 * unit.tokens);
  DirectSums sums[kQuantizedRows / 4] = {};
  for (std::size_t begin = 0; begin < blocks; begin += stretch)
    for (std::size_t row = 0; row < unit.rows; row += 4) {
      const std::size_t end = begin + stretch < blocks ? begin + stretch : blocks;
      const auto add = unit.tokens == 1 ? AddDirectFp8<true> : AddDirectFp8<false>;
      add(unit, row, begin, end, sums[row / 4]);
    }
  for (std::size_t row = 0; row < unit.rows; row += 4)
    for (std::size_t t = 0; t < unit.tokens; ++t)
      StoreRows(unit, row, t,
                _mm_add_ps(sums[row / 4].main[t], _mm_load_ps(sums[row / 4].rests[t])));
}

}  // namespace hadal::kernels::avx512
