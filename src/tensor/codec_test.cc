#include "tensor/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace hadal {
namespace {

// Nearest grid value by search; a tie goes to the even code. What "round to nearest even" means.
std::uint8_t NearestCode(float v, std::span<const float> grid) {
  const float a = std::fabs(v);
  std::size_t best = 0;
  for (std::size_t c = 0; c < grid.size(); ++c) {
    const double d = std::fabs(double{a} - grid[c]), b = std::fabs(double{a} - grid[best]);
    if (d < b || (d == b && c % 2 == 0)) best = c;
  }
  return static_cast<std::uint8_t>(best);
}

std::vector<float> Probes(std::span<const float> grid) {
  std::vector<float> out = {0.f, 1e4f, 1e-30f};
  for (std::size_t c = 0; c + 1 < grid.size(); ++c) {
    const float middle = (grid[c] + grid[c + 1]) / 2;
    for (const float v :
         {grid[c], middle, std::nextafterf(middle, 0), std::nextafterf(middle, 1e9f)})
      out.push_back(v);
  }
  return out;
}

TEST(E4m3, RoundsToTheNearestCode) {
  const auto grid = E4m3Table().first(127);  // codes 0..126 are the magnitudes 0..448
  EXPECT_EQ(grid.back(), 448);
  for (const float v : Probes(grid)) {
    EXPECT_EQ(F32ToE4m3(v), NearestCode(v, grid)) << v;
    EXPECT_EQ(F32ToE4m3(-v), NearestCode(v, grid) | 0x80) << -v;
  }
  EXPECT_EQ(F32ToE4m3(std::nanf("")) & 0x7F, 0x7F);
  EXPECT_TRUE(std::isnan(E4m3ToF32(0x7F)) && std::isnan(E4m3ToF32(0xFF)));
}

// What a code means by the format's definition: ilogb finds the spacing of the grid at v, dividing
// by it is exact, nearbyint rounds ties to even. Slow and branching; the codec is neither.
std::uint32_t CodeByDefinition(float v, int mantissa, int lowest, float max) {
  const float a = std::min(std::fabs(v), max);
  const int exponent = std::max(a == 0 ? lowest : std::ilogb(a), lowest);
  const auto steps = static_cast<int>(std::nearbyint(std::ldexp(a, mantissa - exponent)));
  return static_cast<std::uint32_t>(((exponent - lowest) << mantissa) + steps);
}

// Every float with the top 20 bits of a float and three patterns below them: all the ties, both
// neighbours of each, subnormals and what saturates, infinities too.
TEST(Codec, CodesAndRoundingsAreThoseOfTheDefinition) {
  for (std::uint32_t top = 0; top < 1u << 20; ++top)
    for (const std::uint32_t low : {0u, 1u, 0xFFFu}) {
      const float v = std::bit_cast<float>(top << 12 | low);
      if (std::isnan(v)) continue;
      const std::uint32_t negative = std::signbit(v) ? 1 : 0;
      ASSERT_EQ(F32ToE4m3(v), CodeByDefinition(v, 3, -6, 448) | negative << 7) << v;
      ASSERT_EQ(F32ToE2m1(v), CodeByDefinition(v, 1, 0, 6) | negative << 3) << v;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(RoundToE4m3(v)),
                std::bit_cast<std::uint32_t>(E4m3ToF32(F32ToE4m3(v))))
          << v;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(RoundToE2m1(v)),
                std::bit_cast<std::uint32_t>(E2m1ToF32(F32ToE2m1(v))))
          << v;
    }
  EXPECT_TRUE(std::isnan(RoundToE4m3(std::bit_cast<float>(0x7FFFFFFFu))));
}

TEST(E4m3, EveryCodeSurvives) {
  for (int c = 0; c < 256; ++c) {
    if ((c & 0x7F) != 0x7F) {
      EXPECT_EQ(F32ToE4m3(E4m3ToF32(static_cast<std::uint8_t>(c))), c);
    }
  }
}

TEST(E2m1, RoundsToTheNearestCode) {
  const auto grid = std::span(kE2m1Values).first(8);
  for (const float v : Probes(grid)) {
    EXPECT_EQ(F32ToE2m1(v), NearestCode(v, grid)) << v;
    EXPECT_EQ(F32ToE2m1(-v), NearestCode(v, grid) | 8) << -v;
  }
}

TEST(E8m0, IsAPowerOfTwo) {
  for (int c = 0; c < 255; ++c) {
    EXPECT_EQ(E8m0ToF32(static_cast<std::uint8_t>(c)), std::ldexp(1.f, c - 127));
    EXPECT_EQ(PowerOfTwoToE8m0(std::ldexp(1.f, c - 127)), c);
  }
  EXPECT_TRUE(std::isnan(E8m0ToF32(255)));
}

TEST(Scales, AreTheSmallestThatFit) {
  EXPECT_EQ(Fp8Scale(448), 1);
  EXPECT_EQ(Fp8Scale(std::nextafterf(448, 1e9f)), 2);
  EXPECT_EQ(Fp8Scale(0), 0x1p-22f);
  EXPECT_EQ(Fp4Scale(6), 1);
  EXPECT_EQ(Fp4Scale(6.1f), 2);
  EXPECT_EQ(Fp4Scale(0), 0x1p-126f);
}

TEST(Bf16, RoundsTiesToEven) {
  EXPECT_EQ(RoundToBf16(1.f + 0x1p-8f), 1.f);
  EXPECT_EQ(RoundToBf16(1.f + 3 * 0x1p-8f), 1.f + 4 * 0x1p-8f);
  EXPECT_EQ(RoundToBf16(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(RoundToBf16(std::bit_cast<float>(0x7F800001u))));
}

}  // namespace
}  // namespace hadal
