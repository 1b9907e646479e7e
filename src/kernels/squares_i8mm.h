// Products of two rows with two others for 64-bit ARM with I8MM: one instruction adds those of
// eight columns to a square of four sums. Stored as pairs: eight columns of two rows, 16 bytes.
#pragma once
#include "kernels/integers_neon.h"

#include "kernels/dot_tile.inc"

namespace hadal::kernels::HADAL_ISA {

inline constexpr std::size_t kPairBytes = 16;
// Pairs of the second rows that a tile of squares has. With as many of the first, their sums are
// half of the registers.
inline constexpr std::size_t kSquares = 4;

using Square = int32x4_t;  // [row of the first pair][row of the second]
using FloatSquare = float32x4_t;

struct Pair {
  int8x16_t v;
  static Pair Load(const std::uint8_t* p) { return {vreinterpretq_s8_u8(vld1q_u8(p))}; }
  void Store(std::uint8_t* p) const { vst1q_u8(p, vreinterpretq_u8_s8(v)); }
};

// Places of pairs in memory: bytes from one group of eight columns to the next, and from a pair of
// rows to the next.
struct Pairs {
  const std::uint8_t* at;
  std::size_t group, pair;
  Pair operator()(std::size_t g, std::size_t i) const {
    return Pair::Load(at + g * group + i * pair);
  }
};

template <std::size_t kFirst>
inline void ClearSquares(Square (&dots)[kFirst][kSquares]) {
  ForCounts<kFirst>(
      [&](auto i) { ForCounts<kSquares>([&](auto j) { dots[i][j] = vdupq_n_s32(0); }); });
}

// Adds the products of group g of a with group h of b.
template <std::size_t kFirst>
inline void AddGroup(const Pairs& a, std::size_t g, const Pairs& b, std::size_t h,
                     Square (&dots)[kFirst][kSquares]) {
  Pair second[kSquares];
  ForCounts<kSquares>([&](auto j) { second[j] = b(h, j); });
  ForCounts<kFirst>([&](auto i) {
    const Pair first = a(g, i);
    ForCounts<kSquares>([&](auto j) { dots[i][j] = vmmlaq_s32(dots[i][j], first.v, second[j].v); });
  });
}

template <std::size_t kBits, std::size_t kFirst>
inline void ShiftSquares(Square (&dots)[kFirst][kSquares]) {
  ForCounts<kFirst>([&](auto i) {
    ForCounts<kSquares>([&](auto j) { dots[i][j] = vshlq_n_s32(dots[i][j], kBits); });
  });
}

// Numbers of rows a and b as a square's first rows have them, and as its second.
inline FloatSquare OfFirst(float a, float b) { return vcombine_f32(vdup_n_f32(a), vdup_n_f32(b)); }
inline FloatSquare OfSecond(float a, float b) {
  const float both[2] = {a, b};
  const float32x2_t first = vld1_f32(both);
  return vcombine_f32(first, first);
}

// Of two squares with the same first rows: a first row's four sums.
inline float32x4_t FirstRow(FloatSquare a, FloatSquare b) {
  return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
inline float32x4_t SecondRow(FloatSquare a, FloatSquare b) {
  return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

// A block of 32 columns of two rows: four groups, those of the even columns before the odd ones'.
struct BlockPairs {
  Pair of[4];
  static BlockPairs Of(int8x16_t even_a, int8x16_t even_b, int8x16_t odd_a, int8x16_t odd_b) {
    const auto low = [](int8x16_t a, int8x16_t b) -> Pair {
      return {vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)))};
    };
    const auto high = [](int8x16_t a, int8x16_t b) -> Pair {
      return {vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)))};
    };
    return {{low(even_a, even_b), high(even_a, even_b), low(odd_a, odd_b), high(odd_a, odd_b)}};
  }
  // Of int8 rows (quantized_row.h) as they are.
  static BlockPairs OfInt8(const std::uint8_t* a, const std::uint8_t* b) {
    return Of(Pair::Load(a).v, Pair::Load(b).v, Pair::Load(a + 64).v, Pair::Load(b + 64).v);
  }
  // Twice the values of FP4 codes.
  static BlockPairs OfFp4(const std::uint8_t* a, const std::uint8_t* b) {
    constexpr std::int8_t kTwice[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const int8x16_t table = vld1q_s8(kTwice);
    const uint8x16_t p = vld1q_u8(a), q = vld1q_u8(b), low = vdupq_n_u8(15);
    return Of(vqtbl1q_s8(table, vandq_u8(p, low)), vqtbl1q_s8(table, vandq_u8(q, low)),
              vqtbl1q_s8(table, vshrq_n_u8(p, 4)), vqtbl1q_s8(table, vshrq_n_u8(q, 4)));
  }
  void Store(std::uint8_t* at, std::size_t group_bytes) const {
    for (std::size_t g = 0; g < 4; ++g) of[g].Store(at + g * group_bytes);
  }
};

}  // namespace hadal::kernels::HADAL_ISA
