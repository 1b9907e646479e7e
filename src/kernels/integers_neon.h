// Sixteen 32-bit integer lanes for 64-bit ARM with dot products of bytes, each in four registers.
// The names and the bits of integers_avx512.h; see there.
#pragma once
#include "kernels/lanes_neon.h"

#include "kernels/codes.inc"

namespace hadal::kernels::HADAL_ISA {

inline constexpr std::size_t kTileTokens = 4, kPanels = 1;
inline constexpr std::size_t kPairsARound = 1;  // as AVX2

// Tokens at most that weights go through registers for; for more, decoding into memory once is
// faster.
inline constexpr std::size_t kDirectFp4 = 4, kDirectFp8 = 8;

inline int8x16_t Bytes(int32x4_t v) { return vreinterpretq_s8_s32(v); }
inline uint8x16_t UnsignedBytes(int32x4_t v) { return vreinterpretq_u8_s32(v); }
inline int16x8_t Words(int32x4_t v) { return vreinterpretq_s16_s32(v); }

struct I16 {
  int32x4_t v[4];
  static I16 Zero() { return Splat(0); }
  static I16 Splat(std::int32_t x) {
    return OfFour<I16>([&](int) { return vdupq_n_s32(x); });
  }
  static I16 SplatWord(const std::uint8_t* p) {
    std::int32_t x;
    __builtin_memcpy(&x, p, 4);
    return Splat(x);
  }
  static I16 Load(const std::uint8_t* p) {
    return OfFour<I16>([&](int i) { return vreinterpretq_s32_u8(vld1q_u8(p + 16 * i)); });
  }
  static I16 LoadOnce(const std::uint8_t* p) { return Load(p); }
  void Store(std::uint8_t* p) const {
    for (int i = 0; i < 4; ++i) vst1q_u8(p + 16 * i, UnsignedBytes(v[i]));
  }
  static I16 From(U16 bits) {
    return OfFour<I16>([&](int i) { return vreinterpretq_s32_u32(bits.v[i]); });
  }
  U16 Bits() const {
    return OfFour<U16>([&](int i) { return vreinterpretq_u32_s32(v[i]); });
  }
  F16 ToFloat() const {
    return OfFour<F16>([&](int i) { return vcvtq_f32_s32(v[i]); });
  }
  friend I16 operator+(I16 a, I16 b) {
    return OfFour<I16>([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
  }
  friend I16 operator-(I16 a, I16 b) {
    return OfFour<I16>([&](int i) { return vsubq_s32(a.v[i], b.v[i]); });
  }
  template <int kBits>
  I16 Left() const {
    return OfFour<I16>([&](int i) { return vshlq_n_s32(v[i], kBits); });
  }
  I16 Left(I16 bits) const {
    return OfFour<I16>([&](int i) { return vshlq_s32(v[i], bits.v[i]); });
  }
  bool IsZero() const {
    const int32x4_t all = vorrq_s32(vorrq_s32(v[0], v[1]), vorrq_s32(v[2], v[3]));
    return vmaxvq_u32(vreinterpretq_u32_s32(all)) == 0;
  }
  void StoreWords(std::uint8_t* p) const {  // each lane's low 16 bits
    vst1q_u8(p, vreinterpretq_u8_s16(vuzp1q_s16(Words(v[0]), Words(v[1]))));
    vst1q_u8(p + 16, vreinterpretq_u8_s16(vuzp1q_s16(Words(v[2]), Words(v[3]))));
  }

  // The unsigned bytes are below 128, so that they are signed ones too: the instruction for both
  // kinds is not everywhere.
  static I16 DotBytes(I16 sum, I16 u8, I16 s8) {
    return OfFour<I16>([&](int i) { return vdotq_s32(sum.v[i], Bytes(u8.v[i]), Bytes(s8.v[i])); });
  }
  static I16 DotTwoBytes(I16 u8, I16 s8, I16 more_u8, I16 more_s8) {
    return DotBytes(DotBytes(Zero(), u8, s8), more_u8, more_s8);
  }
  static I16 DotWords(I16 sum, I16 a, I16 b) {
    return OfFour<I16>([&](int i) {
      const int16x8_t p = Words(a.v[i]), q = Words(b.v[i]);
      const int32x4_t low = vmull_s16(vget_low_s16(p), vget_low_s16(q));
      return vaddq_s32(sum.v[i], vpaddq_s32(low, vmull_high_s16(p, q)));
    });
  }
  static I16 DotTwoWords(I16 a, I16 b, I16 more_a, I16 more_b) {
    return OfFour<I16>([&](int i) {
      const int16x8_t p = Words(a.v[i]), q = Words(b.v[i]);
      const int16x8_t r = Words(more_a.v[i]), s = Words(more_b.v[i]);
      const int32x4_t low = vmull_s16(vget_low_s16(p), vget_low_s16(q));
      return vpaddq_s32(vmlal_s16(low, vget_low_s16(r), vget_low_s16(s)),
                        vmlal_high_s16(vmull_high_s16(p, q), r, s));
    });
  }
  static I16 ProductWords(I16 a, I16 b) {  // each word's, modulo 2^16
    return OfFour<I16>(
        [&](int i) { return vreinterpretq_s32_s16(vmulq_s16(Words(a.v[i]), Words(b.v[i]))); });
  }

  // Lanes r, 4 + r, 8 + r and 12 + r, added, for every r.
  F4 SumOfQuarters() const {
    return {vcvtq_f32_s32(vaddq_s32(vaddq_s32(v[0], v[1]), vaddq_s32(v[2], v[3])))};
  }
  // Lane 4 i + r: lanes r, 4 + r, 8 + r and 12 + r of the i-th, added.
  static I16 SumsOfQuarters(const I16 (&of)[4]) {
    return OfFour<I16>([&](int i) {
      return vaddq_s32(vaddq_s32(of[i].v[0], of[i].v[1]), vaddq_s32(of[i].v[2], of[i].v[3]));
    });
  }
  // Lane 4 i + r: the sum of lanes 4 i to 4 i + 3 of the r-th.
  static I16 SumsOfFours(const I16 (&of)[4]) {
    return OfFour<I16>([&](int i) {
      return vpaddq_s32(vpaddq_s32(of[0].v[i], of[1].v[i]), vpaddq_s32(of[2].v[i], of[3].v[i]));
    });
  }
  // Lane 4 i + j: the i-th of four in memory.
  static I16 Spread(const std::uint8_t* p) {
    return OfFour<I16>([&](int i) {
      std::int32_t word;
      __builtin_memcpy(&word, p + 4 * i, 4);
      return vdupq_n_s32(word);
    });
  }
  static I16 Repeat(const std::uint8_t* p) {  // lane 4 i + j: the j-th
    return OfFour<I16>([&](int) { return vreinterpretq_s32_u8(vld1q_u8(p)); });
  }
  // Lane 4 i + r: byte i of the r-th pointer.
  static I16 FourByFour(const std::uint8_t* const (&p)[4]) {
    std::uint8_t bytes[16];
    for (std::size_t r = 0; r < 4; ++r)
      for (std::size_t i = 0; i < 4; ++i) bytes[4 * i + r] = p[r][i];
    return From(U16::LoadBytes(bytes));
  }

  template <bool kHigh>
  I16 LookUpNibbles(const std::uint8_t* table) const {
    const uint8x16_t entries = vld1q_u8(table);
    return OfFour<I16>([&](int i) {
      const uint8x16_t bytes = UnsignedBytes(v[i]);
      const uint8x16_t nibbles = kHigh ? vshrq_n_u8(bytes, 4) : vandq_u8(bytes, vdupq_n_u8(15));
      return vreinterpretq_s32_u8(vqtbl1q_u8(entries, nibbles));
    });
  }
};

// Four words of four signed bytes, each for every lane. Here the product spreads them.
struct FourSplats {
  int8x16_t v;
  static FourSplats Load(const std::uint8_t* p) { return {vreinterpretq_s8_u8(vld1q_u8(p))}; }
  template <std::size_t kWord>
  I16 Dot(I16 sum, I16 u8) const {
    return OfFour<I16>([&](int i) { return vdotq_laneq_s32(sum.v[i], Bytes(u8.v[i]), v, kWord); });
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
    const I16 digits = OfFour<I16>([&](int i) {
      const uint8x16_t c = UnsignedBytes(codes.v[i]);
      return vreinterpretq_s32_u8(vminq_u8(Digits(c), vandq_u8(c, vdupq_n_u8(0x7F))));
    });
    return {Split(digits), PowersOf(codes, kFp8Tables.exact)};
  }
  // 64 times the large values; zero for others.
  static WordPair Large(I16 codes) {
    const WordPair digits = Split(OfFour<I16>(
        [&](int i) { return vreinterpretq_s32_u8(Digits(UnsignedBytes(codes.v[i]))); }));
    const WordPair powers = PowersOf(codes, kFp8Tables.large);
    return {I16::ProductWords(digits.even, powers.even), I16::ProductWords(digits.odd, powers.odd)};
  }
  // Whether a small value or a zero is there.
  static bool AnySmall(I16 codes) {
    const auto top = [&](int i) { return Top(UnsignedBytes(codes.v[i])); };
    return vminvq_u8(vminq_u8(vminq_u8(top(0), top(1)), vminq_u8(top(2), top(3)))) == 0;
  }
  // Bit i: byte i is a small value but zero.
  static std::uint64_t WhereSmall(I16 codes) {
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    const auto bits = [&](int i) {
      const uint8x16_t c = UnsignedBytes(codes.v[i]);
      const uint8x16_t small = vandq_u8(vceqzq_u8(Top(c)), vtstq_u8(c, vdupq_n_u8(0x1F)));
      return vandq_u8(small, bit);
    };
    const uint8x16_t first = vpaddq_u8(bits(0), bits(1)), second = vpaddq_u8(bits(2), bits(3));
    const uint8x16_t fours = vpaddq_u8(first, second);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(fours, fours)), 0);
  }
  // 512 times the small values; zero for others.
  static WordPair Small(I16 codes) {
    const I16 bytes = OfFour<I16>([&](int i) {
      const uint8x16_t c = UnsignedBytes(codes.v[i]);
      const uint8x16x2_t table = {{vld1q_u8(kFp8Tables.small), vld1q_u8(kFp8Tables.small + 16)}};
      const uint8x16_t found = vqtbl2q_u8(table, vandq_u8(c, vdupq_n_u8(31)));
      const int8x16_t magnitudes = vreinterpretq_s8_u8(vandq_u8(found, vceqzq_u8(Top(c))));
      const uint8x16_t negative = vcltzq_s8(vreinterpretq_s8_u8(c));
      return vreinterpretq_s32_s8(vbslq_s8(negative, vnegq_s8(magnitudes), magnitudes));
    });
    const auto odd = [&](int i) {
      return vreinterpretq_s32_s16(vshrq_n_s16(Words(bytes.v[i]), 8));
    };
    const auto even = [&](int i) {
      return vreinterpretq_s32_s16(vshrq_n_s16(vshlq_n_s16(Words(bytes.v[i]), 8), 8));
    };
    return {OfFour<I16>(even), OfFour<I16>(odd)};
  }

 private:
  static uint8x16_t Digits(uint8x16_t codes) {
    return vqtbl1q_u8(vld1q_u8(kFp8Tables.digits), vandq_u8(codes, vdupq_n_u8(15)));
  }
  // Zero for small values and zeros: those whose exponent is below 4.
  static uint8x16_t Top(uint8x16_t codes) { return vandq_u8(codes, vdupq_n_u8(0x60)); }
  static WordPair Split(I16 bytes) {  // unsigned ones
    const uint8x16_t zero = vdupq_n_u8(0);
    return Interleaved([&](int i) { return UnsignedBytes(bytes.v[i]); }, [&](int) { return zero; });
  }
  static WordPair PowersOf(I16 codes, const Fp8Tables::Powers& powers) {
    const uint8x16_t low = vld1q_u8(powers.low), high = vld1q_u8(powers.high);
    const auto exponents = [&](int i) { return vshrq_n_u8(UnsignedBytes(codes.v[i]), 4); };
    return Interleaved([&](int i) { return vqtbl1q_u8(low, exponents(i)); },
                       [&](int i) { return vqtbl1q_u8(high, exponents(i)); });
  }
  // Words of their low and their high bytes.
  template <class Low, class High>
  static WordPair Interleaved(Low low, High high) {
    return {OfFour<I16>([&](int i) { return vreinterpretq_s32_u8(vtrn1q_u8(low(i), high(i))); }),
            OfFour<I16>([&](int i) { return vreinterpretq_s32_u8(vtrn2q_u8(low(i), high(i))); })};
  }
};

// out[w] = word w, of four bytes, of every row: [16 words, 16 rows].
inline void TransposeWords(const std::uint8_t* const* rows, std::uint8_t* out) {
  for (std::size_t row = 0; row < 16; row += 4)
    for (std::size_t word = 0; word < 16; word += 4) {
      uint32x4_t a[4];
      for (std::size_t i = 0; i < 4; ++i)
        a[i] = vreinterpretq_u32_u8(vld1q_u8(rows[row + i] + 4 * word));
      const uint64x2_t p = vreinterpretq_u64_u32(vtrn1q_u32(a[0], a[1]));
      const uint64x2_t q = vreinterpretq_u64_u32(vtrn1q_u32(a[2], a[3]));
      const uint64x2_t r = vreinterpretq_u64_u32(vtrn2q_u32(a[0], a[1]));
      const uint64x2_t s = vreinterpretq_u64_u32(vtrn2q_u32(a[2], a[3]));
      const auto store = [&](std::size_t w, uint64x2_t v) {
        vst1q_u8(out + 64 * (word + w) + 4 * row, vreinterpretq_u8_u64(v));
      };
      store(0, vtrn1q_u64(p, q));
      store(1, vtrn1q_u64(r, s));
      store(2, vtrn2q_u64(p, q));
      store(3, vtrn2q_u64(r, s));
    }
}

}  // namespace hadal::kernels::HADAL_ISA
