// Sixteen virtual lanes for 64-bit ARM: F16 (float32) and U16 (their bits, or unsigned integers),
// each in four registers. The names and the bits of lanes_avx512.h; see there.
#pragma once
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

#ifdef __ARM_FEATURE_MATMUL_INT8
#define HADAL_ISA i8mm
#else
#define HADAL_ISA neon
#endif

namespace hadal::kernels::HADAL_ISA {

// Thirty-two registers: 3 x 2 x 4 accumulators and two operands.
inline constexpr std::size_t kTileX = 3, kTileW = 2;
// The same where the second side is BF16, which is converted in registers, for up to so many rows
// of the first: as AVX2's, not measured.
inline constexpr std::size_t kBf16X = 2, kBf16W = 2, kBf16Tokens = 16;
inline constexpr std::size_t kMaxAccumulators = 8;

// f(i) of the four registers of a lane type.
template <class Lanes, class F>
inline Lanes OfFour(F f) {
  return {{f(0), f(1), f(2), f(3)}};
}

struct F4 {
  float32x4_t v;
  static F4 Zero() { return {vdupq_n_f32(0)}; }
  static F4 Splat(float x) { return {vdupq_n_f32(x)}; }
  static F4 LoadBits(const std::uint8_t* p) { return {vreinterpretq_f32_u8(vld1q_u8(p))}; }
  void Store(float* p) const { vst1q_f32(p, v); }
  friend F4 operator+(F4 a, F4 b) { return {vaddq_f32(a.v, b.v)}; }
  friend F4 operator*(F4 a, F4 b) { return {vmulq_f32(a.v, b.v)}; }
  static F4 Fma(F4 a, F4 b, F4 c) { return {vfmaq_f32(c.v, a.v, b.v)}; }  // a b + c
};

struct F16;

struct U16 {
  uint32x4_t v[4];
  static U16 Splat(std::uint32_t x) {
    return OfFour<U16>([&](int) { return vdupq_n_u32(x); });
  }
  static U16 Load(const std::uint32_t* p) {
    return OfFour<U16>([&](int i) { return vld1q_u32(p + 4 * i); });
  }
  static U16 LoadBits(const std::uint8_t* p) {
    return OfFour<U16>([&](int i) { return vreinterpretq_u32_u8(vld1q_u8(p + 16 * i)); });
  }
  static U16 LoadBytes(const std::uint8_t* p) {
    const uint8x16_t codes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(codes)), high = vmovl_high_u8(codes);
    return {{vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)),
             vmovl_high_u16(high)}};
  }
  void StoreBytes(std::uint8_t* p) const {  // every lane below 256
    const uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_u32(v[0]), vreinterpretq_u16_u32(v[1]));
    const uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_u32(v[2]), vreinterpretq_u16_u32(v[3]));
    vst1q_u8(p, vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high)));
  }
  friend U16 operator+(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return vaddq_u32(a.v[i], b.v[i]); });
  }
  friend U16 operator&(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return vandq_u32(a.v[i], b.v[i]); });
  }
  friend U16 operator|(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return vorrq_u32(a.v[i], b.v[i]); });
  }
  friend U16 operator^(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return veorq_u32(a.v[i], b.v[i]); });
  }
  template <int kBits>
  U16 Left() const {
    return OfFour<U16>([&](int i) { return vshlq_n_u32(v[i], kBits); });
  }
  template <int kBits>
  U16 Right() const {
    if constexpr (kBits == 0)
      return *this;
    else
      return OfFour<U16>([&](int i) { return vshrq_n_u32(v[i], kBits); });
  }
  static U16 Min(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return vminq_u32(a.v[i], b.v[i]); });
  }
  static U16 Max(U16 a, U16 b) {
    return OfFour<U16>([&](int i) { return vmaxq_u32(a.v[i], b.v[i]); });
  }
  F16 AsFloat() const;
};

struct F16 {
  float32x4_t v[4];
  static F16 Zero() { return Splat(0); }
  static F16 Splat(float x) {
    return OfFour<F16>([&](int) { return vdupq_n_f32(x); });
  }
  static F16 Quarters(float a, float b, float c, float d) {  // four lanes of each
    return {{vdupq_n_f32(a), vdupq_n_f32(b), vdupq_n_f32(c), vdupq_n_f32(d)}};
  }
  static F16 Load(const float* p) {
    return OfFour<F16>([&](int i) { return vld1q_f32(p + 4 * i); });
  }
  static F16 LoadN(const float* p, std::size_t n) {  // n < 16; the other lanes are zero
    float lanes[16] = {};
    for (std::size_t i = 0; i < n; ++i) lanes[i] = p[i];
    return Load(lanes);
  }
  void Store(float* p) const {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v[i]);
  }
  void StoreN(float* p, std::size_t n) const {
    float lanes[16];
    Store(lanes);
    for (std::size_t i = 0; i < n; ++i) p[i] = lanes[i];
  }

  friend F16 operator+(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
  }
  friend F16 operator-(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
  }
  friend F16 operator*(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
  }
  friend F16 operator/(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
  }
  static F16 Fma(F16 a, F16 b, F16 c) {  // a b + c
    return OfFour<F16>([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
  }
  // The second operand where either is NaN, and of two zeros: fmin and fmax choose otherwise.
  static F16 Min(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
  }
  static F16 Max(F16 a, F16 b) {
    return OfFour<F16>([&](int i) { return vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
  }
  static F16 WhereNegative(F16 sign, F16 yes, F16 no) {  // by the sign bit
    return OfFour<F16>([&](int i) {
      return vbslq_f32(vcltzq_s32(vreinterpretq_s32_f32(sign.v[i])), yes.v[i], no.v[i]);
    });
  }
  F16 NearestInteger() const {
    return OfFour<F16>([&](int i) { return vrndnq_f32(v[i]); });
  }
  U16 ToInteger() const {
    return OfFour<U16>([&](int i) { return vreinterpretq_u32_s32(vcvtnq_s32_f32(v[i])); });
  }
  U16 Bits() const {
    return OfFour<U16>([&](int i) { return vreinterpretq_u32_f32(v[i]); });
  }

  template <unsigned kWith>
  F16 SwapLanes() const {  // lane i of the result is lane i ^ kWith
    return OfFour<F16>([&](int i) {
      if constexpr (kWith == 1) return vrev64q_f32(v[i]);
      if constexpr (kWith == 2) return vextq_f32(v[i], v[i], 2);
      if constexpr (kWith == 4) return v[i ^ 1];
      if constexpr (kWith == 8) return v[i ^ 2];
    });
  }

  // The lanes are always added as i and i + 8, then i and i + 4, i + 2, i + 1.
  float Sum() const {
    const float32x4_t four = FoldTo4(*this);
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  static void SumOf4(F16 a, F16 b, F16 c, F16 d, float* sums) {
    const float32x4_t p = FoldTo4(a), q = FoldTo4(b), r = FoldTo4(c), s = FoldTo4(d);
    const auto halves = [](float32x4_t x, float32x4_t y) {  // x0 + x2, x1 + x3, y0 + y2, y1 + y3
      return vaddq_f32(vcombine_f32(vget_low_f32(x), vget_low_f32(y)),
                       vcombine_f32(vget_high_f32(x), vget_high_f32(y)));
    };
    vst1q_f32(sums, vpaddq_f32(halves(p, q), halves(r, s)));
  }
  // Lanes r, 4 + r, 8 + r and 12 + r, added as (a + b) + (c + d), for every r.
  F4 SumOfQuarters() const { return {vaddq_f32(vaddq_f32(v[0], v[1]), vaddq_f32(v[2], v[3]))}; }

  static F16 FromBf16(const std::uint8_t* p) {
    const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(p));
    const uint16x8_t high = vreinterpretq_u16_u8(vld1q_u8(p + 16));
    return {{vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)),
             vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
             vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)),
             vreinterpretq_f32_u32(vshll_high_n_u16(high, 16))}};
  }
  static F16 FromFp8(const std::uint8_t* p) {
    const int8x16_t codes = vreinterpretq_s8_u8(vld1q_u8(p));
    const auto halves = [](int16x8_t words) {  // moved into the fields of half precision
      return vreinterpretq_f16_s16(
          vandq_s16(vshlq_n_s16(words, 7), vdupq_n_s16(static_cast<short>(0xBF80))));
    };
    const float16x8_t low = halves(vmovl_s8(vget_low_s8(codes)));
    const float16x8_t high = halves(vmovl_high_s8(codes));
    return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
             vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
  }
  static bool AnyFp8Nan(const std::uint8_t* p, std::size_t n) {  // n a multiple of 16
    uint8x16_t found = vdupq_n_u8(0);
    const uint8x16_t nan = vdupq_n_u8(0x7F);
    for (std::size_t i = 0; i < n; i += 16)
      found = vorrq_u8(found, vceqq_u8(vandq_u8(vld1q_u8(p + i), nan), nan));
    return vmaxvq_u8(found) != 0;
  }
  // E2M1 in bits [4 kStep, 4 kStep + 4) of every lane.
  template <int kStep>
  static F16 FromNibble(U16 codes) {
    const U16 nibbles = codes.template Right<4 * kStep>() & U16::Splat(15);
    return OfFour<F16>([&](int i) { return Fp4Values(nibbles.v[i]); });
  }
  static F16 FromFp4(const std::uint8_t* p) {  // 8 bytes, low nibble first
    const uint8x8_t pairs = vld1_u8(p);
    const uint8x8x2_t codes = vzip_u8(vand_u8(pairs, vdup_n_u8(15)), vshr_n_u8(pairs, 4));
    const uint16x8_t low = vmovl_u8(codes.val[0]), high = vmovl_u8(codes.val[1]);
    return {{Fp4Values(vmovl_u16(vget_low_u16(low))), Fp4Values(vmovl_high_u16(low)),
             Fp4Values(vmovl_u16(vget_low_u16(high))), Fp4Values(vmovl_high_u16(high))}};
  }

 private:
  // The top bytes of the sixteen values; the other three are zero.
  static float32x4_t Fp4Values(uint32x4_t codes) {
    constexpr std::uint8_t kTop[16] = {0x00, 0x3F, 0x3F, 0x3F, 0x40, 0x40, 0x40, 0x40,
                                       0x80, 0xBF, 0xBF, 0xBF, 0xC0, 0xC0, 0xC0, 0xC0};
    constexpr std::uint8_t kNext[16] = {0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80, 0xC0,
                                        0x00, 0x00, 0x80, 0xC0, 0x00, 0x40, 0x80, 0xC0};
    const uint8x16_t index = vreinterpretq_u8_u32(vorrq_u32(codes, vdupq_n_u32(0xFFFFFF00)));
    const auto look_up = [&](const std::uint8_t* table) {  // zero for indices of 255
      return vreinterpretq_u32_u8(vqtbl1q_u8(vld1q_u8(table), index));
    };
    return vreinterpretq_f32_u32(
        vorrq_u32(vshlq_n_u32(look_up(kTop), 24), vshlq_n_u32(look_up(kNext), 16)));
  }
  static float32x4_t FoldTo4(F16 a) {
    return vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  }
};

inline F16 U16::AsFloat() const {
  return OfFour<F16>([&](int i) { return vreinterpretq_f32_u32(v[i]); });
}

// The transpose of [8, 8], its rows sixteen elements apart.
inline void Transpose8x8(const float* from, float* to) {
  for (std::size_t row = 0; row < 8; row += 4)
    for (std::size_t col = 0; col < 8; col += 4) {
      float32x4_t a[4];
      for (std::size_t i = 0; i < 4; ++i) a[i] = vld1q_f32(from + 8 * (row + i) + col);
      const auto pairs = [](float32x4_t x, float32x4_t y, auto zip) {
        return vreinterpretq_f64_f32(zip(x, y));
      };
      const auto low = [](float32x4_t x, float32x4_t y) { return vtrn1q_f32(x, y); };
      const auto high = [](float32x4_t x, float32x4_t y) { return vtrn2q_f32(x, y); };
      const float64x2_t p = pairs(a[0], a[1], low), q = pairs(a[2], a[3], low);
      const float64x2_t r = pairs(a[0], a[1], high), s = pairs(a[2], a[3], high);
      float* out = to + 16 * col + row;
      vst1q_f32(out, vreinterpretq_f32_f64(vtrn1q_f64(p, q)));
      vst1q_f32(out + 16, vreinterpretq_f32_f64(vtrn1q_f64(r, s)));
      vst1q_f32(out + 32, vreinterpretq_f32_f64(vtrn2q_f64(p, q)));
      vst1q_f32(out + 48, vreinterpretq_f32_f64(vtrn2q_f64(r, s)));
    }
}

}  // namespace hadal::kernels::HADAL_ISA
#include "kernels/lanes_math.inc"
