// MatMul of one unit of rows and tokens with integer activations, in squares (squares_i8mm.h); see
// quantized_matmul.h for what is computed. A few tokens go as without I8MM: one token would fill
// half of each square.
//
// A stretch of columns of the unit's rows is decoded into pairs, that of its tokens laid out as
// pairs, both in memory (some kilobytes for the rows); then tiles of squares go over them.
#include "kernels/squares_i8mm.h"

#include "kernels/codes.inc"
#include "kernels/quantized_direct.inc"
#include "kernels/simd_args.h"

namespace hadal::kernels::HADAL_ISA {
namespace {

constexpr std::size_t kRowPairs = kQuantizedRows / 2, kTokenPairs = kQuantizedTokens / 2;
constexpr std::size_t kTileRows = 2 * kSquares, kTiles = kQuantizedRows / kTileRows;

struct Sums {  // [part]: four sums for every product, by block
  alignas(64) float of[4][kTokenPairs][kRowPairs][4];
};

std::size_t TokenPairsOf(const QuantizedUnit& unit) { return (unit.tokens + 1) / 2; }
std::size_t TilesOf(const QuantizedUnit& unit) { return (unit.rows + kTileRows - 1) / kTileRows; }

// Of a row or token behind the unit's end: its last.
std::size_t RowOf(const QuantizedUnit& unit, std::size_t n) {
  return n < unit.rows ? n : unit.rows - 1;
}
const std::uint8_t* TokenOf(const QuantizedUnit& unit, std::size_t t) {
  return unit.x[t < unit.tokens ? t : unit.tokens - 1];
}

float FloatAt(const std::uint8_t* p) {
  float value;
  __builtin_memcpy(&value, p, 4);
  return value;
}

void ClearSums(const QuantizedUnit& unit, Sums& sums) {
  for (auto& part : sums.of) __builtin_memset(part, 0, TokenPairsOf(unit) * sizeof(part[0]));
}

void StoreSums(const QuantizedUnit& unit, const Sums& sums) {
  const auto square = [&](std::size_t pair, std::size_t row) {
    const auto part = [&](std::size_t i) { return vld1q_f32(sums.of[i][pair][row / 2]); };
    const float32x4_t sum = vaddq_f32(vaddq_f32(part(0), part(1)), vaddq_f32(part(2), part(3)));
    return vaddq_f32(sum, vdupq_n_f32(0));  // one zero
  };
  const auto store = [&](float32x4_t four, std::size_t token, std::size_t row) {
    if (row + 4 <= unit.rows) return vst1q_f32(unit.y[token] + row, four);
    float lanes[4];
    vst1q_f32(lanes, four);
    for (std::size_t i = 0; row + i < unit.rows; ++i) unit.y[token][row + i] = lanes[i];
  };
  for (std::size_t token = 0; token < unit.tokens; token += 2)
    for (std::size_t row = 0; row < unit.rows; row += 4) {
      const FloatSquare a = square(token / 2, row), b = square(token / 2, row + 2);
      store(FirstRow(a, b), token, row);
      if (token + 1 < unit.tokens) store(SecondRow(a, b), token + 1, row);
    }
}

// f(token pair, count) for tiles of kMost pairs, the second a Count.
template <std::size_t kMost, class F>
void ForTokenPairs(const QuantizedUnit& unit, F f) {
  const std::size_t pairs = TokenPairsOf(unit);
  for (std::size_t t = 0; t < pairs; t += kMost)
    WithCount<kMost>(pairs - t, [&](auto count) { f(t, count); });
}

// ---- FP4 weights, int8 rows ----

constexpr std::size_t kFp4Stretch = 512, kFp4Blocks = kFp4Stretch / 32;
constexpr std::size_t kFp4Tokens = 2;  // pairs of a tile, whose sums are in registers

struct Fp4Squares {
  alignas(64) std::uint8_t w[kFp4Blocks][4][kRowPairs][kPairBytes];  // [block][group][pair]
  alignas(64) std::uint8_t x[kTokenPairs][kFp4Blocks][4][kPairBytes];
  alignas(64) float w_scales[kFp4Blocks][kRowPairs][4], x_scales[kTokenPairs][kFp4Blocks][4];
};

void PrefetchNext(const QuantizedUnit& unit, std::size_t row, std::size_t at) {
  __builtin_prefetch(unit.codes + (kQuantizedRows + row) * unit.code_bytes + at, 0, 2);
}

void DecodeFp4(const QuantizedUnit& unit, std::size_t begin, std::size_t blocks, Fp4Squares& out) {
  for (std::size_t r = 0; r < TilesOf(unit) * kSquares; ++r) {
    const std::size_t a = RowOf(unit, 2 * r), b = RowOf(unit, 2 * r + 1);
    const std::uint8_t* codes = unit.codes + begin / 2;
    const std::uint8_t* scales = unit.scales + begin / 32;
    for (std::size_t block = 0; block < blocks; ++block) {
      if (block % 4 == 0) {
        PrefetchNext(unit, 2 * r, begin / 2 + 16 * block);
        PrefetchNext(unit, 2 * r + 1, begin / 2 + 16 * block);
      }
      BlockPairs::OfFp4(codes + a * unit.code_bytes + 16 * block,
                        codes + b * unit.code_bytes + 16 * block)
          .Store(out.w[block][0][r], sizeof(out.w[block][0]));
      const auto scale = [&](std::size_t row) {
        return kE8m0.of[scales[row * unit.scale_bytes + block]];
      };
      vst1q_f32(out.w_scales[block][r], OfSecond(scale(a), scale(b)));
    }
  }
}

void LayOutInt8(const QuantizedUnit& unit, std::size_t begin, std::size_t blocks, Fp4Squares& out) {
  const std::size_t scales_at = (unit.cols + 127) / 128 * 128;
  for (std::size_t t = 0; t < TokenPairsOf(unit); ++t) {
    const std::uint8_t *a = TokenOf(unit, 2 * t), *b = TokenOf(unit, 2 * t + 1);
    for (std::size_t block = 0; block < blocks; ++block) {
      const std::size_t at = begin + block / 4 * 128 + block % 4 * 16;
      BlockPairs::OfInt8(a + at, b + at).Store(out.x[t][block][0], kPairBytes);
      const std::size_t scale_at = scales_at + begin / 8 + 4 * block;
      vst1q_f32(out.x_scales[t][block], OfFirst(FloatAt(a + scale_at), FloatAt(b + scale_at)));
    }
  }
}

// Adds the products of part `part` of the blocks to the sums of kCount pairs of tokens with a tile
// of rows. Everything of a tile is in registers: no inlining, constant indices.
template <std::size_t kCount>
[[gnu::noinline]] void AddFp4(const Fp4Squares& of, std::size_t token, std::size_t row,
                              std::size_t blocks, std::size_t part, Sums& out) {
  FloatSquare sums[kCount][kSquares];
  const auto for_squares = [](auto f) {
    ForCounts<kCount>([&](auto t) { ForCounts<kSquares>([&](auto r) { f(t, r); }); });
  };
  for_squares([&](auto t, auto r) { sums[t][r] = vld1q_f32(out.of[part][token + t][row + r]); });
  for (std::size_t b = part; b < blocks; b += 4) {
    const Pairs x{of.x[token][b][0], kPairBytes, sizeof(of.x[0])};
    const Pairs w{of.w[b][0][row], sizeof(of.w[0][0]), kPairBytes};
    Square dots[kCount][kSquares];
    ClearSquares(dots);
    ForCounts<4>([&](auto g) { AddGroup(x, g, w, g, dots); });
    FloatSquare of_w[kSquares];
    ForCounts<kSquares>([&](auto r) { of_w[r] = vld1q_f32(of.w_scales[b][row + r]); });
    ForCounts<kCount>([&](auto t) {
      const FloatSquare of_x = vld1q_f32(of.x_scales[token + t][b]);
      ForCounts<kSquares>([&](auto r) {
        sums[t][r] = vfmaq_f32(sums[t][r], vcvtq_f32_s32(dots[t][r]), vmulq_f32(of_x, of_w[r]));
      });
    });
  }
  for_squares([&](auto t, auto r) { vst1q_f32(out.of[part][token + t][row + r], sums[t][r]); });
}

// ---- FP8 weights, int16 rows ----
//
// Words as two signed bytes, 256 high + low: four products of bytes are one of words. A square's
// sum of a block begins with the high ones, is shifted left, and goes on with the lower ones; what
// leaves 32 bits on the way does not matter, as the result does not.

constexpr std::size_t kFp8Stretch = 256, kFp8Blocks = kFp8Stretch / 32;
constexpr std::size_t kFp8Tokens = 4;  // pairs of a tile

struct BytePairs {  // of a block of 32 columns of two rows: [group]
  std::uint8_t high[4][kPairBytes], low[4][kPairBytes];
};
struct BytePairsOfRows {
  std::uint8_t high[4][kRowPairs][kPairBytes], low[4][kRowPairs][kPairBytes];
};

// Block 4 b + part is that part of 128 columns (quantized_row.h).
struct Fp8Squares {
  alignas(64) BytePairsOfRows large[kFp8Blocks];
  // 512 times the small values, one byte each, where bit g of small_groups is set.
  alignas(64) std::uint8_t small[kFp8Blocks][4][kRowPairs][kPairBytes];
  std::uint8_t small_groups[kFp8Blocks][kTiles];
  alignas(64) BytePairs x[kTokenPairs][kFp8Blocks];
  alignas(64) float w_scales[kFp8Blocks / 4][kRowPairs][4], x_scales[kTokenPairs][kFp8Blocks][4];
};

// The bytes of two rows' words, which are of every part in turn, by part.
struct ByParts {
  Pair of[4];
  static ByParts Of(int8x16_t a01, int8x16_t a23, int8x16_t b01, int8x16_t b23) {
    const auto first = [](int16x8_t p, int16x8_t q) { return vuzp1q_s16(p, q); };
    const auto second = [](int16x8_t p, int16x8_t q) { return vuzp2q_s16(p, q); };
    const auto pair = [](int16x8_t v) -> Pair { return {vreinterpretq_s8_s16(v)}; };
    const int16x8_t p = vreinterpretq_s16_s8(a01), q = vreinterpretq_s16_s8(a23);
    const int16x8_t r = vreinterpretq_s16_s8(b01), s = vreinterpretq_s16_s8(b23);
    return {{pair(first(first(p, q), first(r, s))), pair(first(second(p, q), second(r, s))),
             pair(second(first(p, q), first(r, s))), pair(second(second(p, q), second(r, s)))}};
  }
  static ByParts Low(const I16& a, const I16& b) {
    const auto two = [](const I16& of, int i) {
      return vuzp1q_s8(Bytes(of.v[i]), Bytes(of.v[i + 1]));
    };
    return Of(two(a, 0), two(a, 2), two(b, 0), two(b, 2));
  }
  static ByParts High(const I16& a, const I16& b) {
    const auto two = [](const I16& of, int i) {
      return vrshrn_high_n_s16(vrshrn_n_s16(Words(of.v[i]), 8), Words(of.v[i + 1]), 8);
    };
    return Of(two(a, 0), two(a, 2), two(b, 0), two(b, 2));
  }
};

// Sixty-four codes of a row from column `at` on; zeros behind its end.
I16 CodesAt(const QuantizedUnit& unit, std::size_t row, std::size_t at) {
  const std::uint8_t* codes = unit.codes + RowOf(unit, row) * unit.code_bytes;
  if (at + 64 <= unit.cols) return I16::Load(codes + at);
  std::uint8_t copy[64] = {};
  for (std::size_t k = at; k < unit.cols; ++k) copy[k - at] = codes[k];
  return I16::Load(copy);
}

// One of the words of 64 columns, group g of every part, of a pair of rows.
void StoreLarge(const I16& a, const I16& b, std::size_t g, std::size_t r, BytePairsOfRows* parts) {
  const ByParts high = ByParts::High(a, b), low = ByParts::Low(a, b);
  for (std::size_t part = 0; part < 4; ++part) {
    high.of[part].Store(parts[part].high[g][r]);
    low.of[part].Store(parts[part].low[g][r]);
  }
}

// Sixty-four columns, of block `first` and the next three, of a tile of rows.
void DecodeFp8Tile(const QuantizedUnit& unit, std::size_t at, std::size_t tile, std::size_t first,
                   Fp8Squares& out) {
  I16 codes[kTileRows];
  bool any_small = false;
  for (std::size_t i = 0; i < kTileRows; ++i) {
    PrefetchNext(unit, kTileRows * tile + i, at);
    codes[i] = CodesAt(unit, kTileRows * tile + i, at);
    any_small |= Fp8Words::AnySmall(codes[i]);
  }
  const std::size_t group = at % 128 / 64 * 2, row = kSquares * tile;
  for (std::size_t i = 0; i < kSquares; ++i) {
    const WordPair a = Fp8Words::Large(codes[2 * i]), b = Fp8Words::Large(codes[2 * i + 1]);
    StoreLarge(a.even, b.even, group, row + i, out.large + first);
    StoreLarge(a.odd, b.odd, group + 1, row + i, out.large + first);
  }
  if (!any_small) return;
  uint8x16_t found[2][4] = {};
  for (std::size_t i = 0; i < kSquares; ++i) {
    const WordPair a = Fp8Words::Small(codes[2 * i]), b = Fp8Words::Small(codes[2 * i + 1]);
    const ByParts words[2] = {ByParts::Low(a.even, b.even), ByParts::Low(a.odd, b.odd)};
    for (std::size_t odd = 0; odd < 2; ++odd)
      for (std::size_t part = 0; part < 4; ++part) {
        words[odd].of[part].Store(out.small[first + part][group + odd][row + i]);
        found[odd][part] = vorrq_u8(found[odd][part], vreinterpretq_u8_s8(words[odd].of[part].v));
      }
  }
  for (std::size_t odd = 0; odd < 2; ++odd)
    for (std::size_t part = 0; part < 4; ++part)
      if (vmaxvq_u8(found[odd][part]) != 0)
        out.small_groups[first + part][tile] |= static_cast<std::uint8_t>(1 << (group + odd));
}

void DecodeFp8(const QuantizedUnit& unit, std::size_t begin, std::size_t blocks, Fp8Squares& out) {
  __builtin_memset(out.small_groups, 0, sizeof(out.small_groups));
  for (std::size_t tile = 0; tile < TilesOf(unit); ++tile)
    for (std::size_t at = 0; at < 32 * blocks; at += 64)
      DecodeFp8Tile(unit, begin + at, tile, at / 128 * 4, out);
  for (std::size_t b = 0; 4 * b < blocks; ++b)
    for (std::size_t r = 0; r < TilesOf(unit) * kSquares; ++r) {
      const auto scale = [&](std::size_t n) {
        const std::size_t block_row = (unit.first_row_in_block + RowOf(unit, n)) / 128;
        return kE8m0.of[unit.scales[block_row * unit.scale_bytes + begin / 128 + b]];
      };
      vst1q_f32(out.w_scales[b][r], OfSecond(scale(2 * r), scale(2 * r + 1)));
    }
}

void LayOutInt16(const QuantizedUnit& unit, std::size_t begin, std::size_t blocks,
                 Fp8Squares& out) {
  const std::size_t scales_at = (unit.cols + 127) / 128 * 256;
  for (std::size_t t = 0; t < TokenPairsOf(unit); ++t) {
    const std::uint8_t *a = TokenOf(unit, 2 * t), *b = TokenOf(unit, 2 * t + 1);
    for (std::size_t g = 0; g < blocks; ++g) {  // group g % 4 of the four parts of 128 columns
      const I16 of_a = I16::Load(a + 2 * begin + 64 * g), of_b = I16::Load(b + 2 * begin + 64 * g);
      const ByParts high = ByParts::High(of_a, of_b), low = ByParts::Low(of_a, of_b);
      for (std::size_t part = 0; part < 4; ++part) {
        high.of[part].Store(out.x[t][g / 4 * 4 + part].high[g % 4]);
        low.of[part].Store(out.x[t][g / 4 * 4 + part].low[g % 4]);
      }
      const std::size_t scale_at = scales_at + begin / 8 + 4 * g;
      vst1q_f32(out.x_scales[t][g], OfFirst(FloatAt(a + scale_at), FloatAt(b + scale_at)));
    }
  }
}

// Adds the products of kCount pairs of tokens with a tile of rows to their sums.
template <std::size_t kCount>
[[gnu::noinline]] void AddFp8(const Fp8Squares& of, std::size_t token, std::size_t tile,
                              std::size_t blocks, Sums& out) {
  const std::size_t row = kSquares * tile;
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto of_x = [&](const std::uint8_t* at) -> Pairs {
      return {at, kPairBytes, sizeof(of.x[0])};
    };
    const auto of_w = [&](const std::uint8_t* at) -> Pairs {
      return {at, kRowPairs * kPairBytes, kPairBytes};
    };
    const Pairs x_high = of_x(of.x[token][b].high[0]), x_low = of_x(of.x[token][b].low[0]);
    const Pairs w_high = of_w(of.large[b].high[0][row]), w_low = of_w(of.large[b].low[0][row]);
    const Pairs small = of_w(of.small[b][0][row]);
    Square dots[kCount][kSquares];
    const auto add_small = [&](const Pairs& x) {
      for (unsigned groups = of.small_groups[b][tile]; groups != 0; groups &= groups - 1) {
        const auto g = static_cast<std::size_t>(__builtin_ctz(groups));
        AddGroup(x, g, small, g, dots);
      }
    };
    // Loops, not unrolled: g++ would keep some operands for later, and the stack for them.
    ClearSquares(dots);
#pragma GCC unroll 1
    for (std::size_t g = 0; g < 4; ++g) AddGroup(x_high, g, w_high, g, dots);
    ShiftSquares<8>(dots);
#pragma GCC unroll 1
    for (std::size_t g = 0; g < 4; ++g) {
      AddGroup(x_high, g, w_low, g, dots);
      AddGroup(x_low, g, w_high, g, dots);
    }
    ShiftSquares<3>(dots);  // a large value's unit is eight of a small one's
    add_small(x_high);
    ShiftSquares<5>(dots);
#pragma GCC unroll 1
    for (std::size_t g = 0; g < 4; ++g) AddGroup(x_low, g, w_low, g, dots);
    ShiftSquares<3>(dots);
    add_small(x_low);
    // Flat: g++ would reckon with every index of an array of arrays for each square.
    float* sums = out.of[b % 4][token][row];
    const float *scales_x = of.x_scales[token][b], *scales_w = of.w_scales[b / 4][row];
    ForCounts<kCount>([&](auto t) {
      const FloatSquare scale_x = vld1q_f32(scales_x + t * 4 * kFp8Blocks);
      ForCounts<kSquares>([&](auto r) {
        float* sum = sums + 4 * (t * kRowPairs + r);
        const FloatSquare scale = vmulq_f32(scale_x, vld1q_f32(scales_w + 4 * r));
        vst1q_f32(sum, vfmaq_f32(vld1q_f32(sum), vcvtq_f32_s32(dots[t][r]), scale));
      });
    });
  }
}

}  // namespace

void MatMulInt8Fp4(const QuantizedUnit& unit) {
  if (unit.tokens <= kDirectFp4)
    return WithCount<kDirectFp4>(unit.tokens, [&](auto tokens) { DirectFp4<tokens>(unit); });
  Sums sums;
  Fp4Squares squares;
  ClearSums(unit, sums);
  for (std::size_t begin = 0; begin < unit.cols; begin += kFp4Stretch) {
    const std::size_t left = unit.cols - begin;
    const std::size_t blocks = (left < kFp4Stretch ? left : kFp4Stretch) / 32;
    DecodeFp4(unit, begin, blocks, squares);
    LayOutInt8(unit, begin, blocks, squares);
    ForTokenPairs<kFp4Tokens>(unit, [&](std::size_t t, auto count) {
      for (std::size_t row = 0; row < TilesOf(unit) * kSquares; row += kSquares)
        for (std::size_t part = 0; part < 4; ++part)
          AddFp4<count.value>(squares, t, row, blocks, part, sums);
    });
  }
  StoreSums(unit, sums);
}

void MatMulInt16Fp8(const QuantizedUnit& unit) {
  if (unit.tokens <= kDirectFp8) return DirectFp8(unit);
  Sums sums;
  Fp8Squares squares;
  ClearSums(unit, sums);
  for (std::size_t begin = 0; begin < unit.cols; begin += kFp8Stretch) {
    const std::size_t left = unit.cols - begin;
    const std::size_t blocks = (left < kFp8Stretch ? (left + 127) / 128 * 128 : kFp8Stretch) / 32;
    DecodeFp8(unit, begin, blocks, squares);
    LayOutInt16(unit, begin, blocks, squares);
    ForTokenPairs<kFp8Tokens>(unit, [&](std::size_t t, auto count) {
      for (std::size_t tile = 0; tile < TilesOf(unit); ++tile)
        AddFp8<count.value>(squares, t, tile, blocks, sums);
    });
  }
  StoreSums(unit, sums);
}

}  // namespace hadal::kernels::HADAL_ISA
