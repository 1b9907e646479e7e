#include "kernels/rope.h"

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

using testing::AllClose;
using testing::SameBits;

TEST(Rope, FrequenciesFallFromOneGeometrically) {
  const std::vector<float> f = RopeFrequencies(64, 10000);
  ASSERT_EQ(f.size(), 32u);
  EXPECT_EQ(f[0], 1);
  for (std::size_t i = 0; i < 32; ++i)
    EXPECT_NEAR(f[i], std::pow(10000, -static_cast<double>(i) / 32), 2e-7 * f[i]);
}

TEST(Rope, YarnKeepsTheFastAndDividesTheSlow) {
  const std::vector<float> f = RopeFrequencies(64, 160000);
  const std::vector<float> yarn = YarnFrequencies(64, 160000, 16, 32, 1, 65536);
  for (std::size_t i = 0; i <= 15; ++i) EXPECT_EQ(yarn[i], f[i]) << i;
  for (std::size_t i = 16; i < 25; ++i) EXPECT_TRUE(yarn[i] < f[i] && yarn[i] > f[i] / 16) << i;
  for (std::size_t i = 25; i < 32; ++i) EXPECT_NEAR(yarn[i], f[i] / 16, 1e-7 * f[i]) << i;
}

TEST(Rope, TurnsInterleavedPairsAndBack) {
  const std::vector<float> frequencies = RopeFrequencies(8, 100), x = RandomNormals(8, 1);
  std::vector<float> cos(4, kNan), sin(4, kNan);
  RopeAngles(3, frequencies, cos, sin);
  Guarded y(x);
  Rotate(y.span(), cos, sin, Turn::kForward);
  EXPECT_TRUE(y.Intact());
  for (std::size_t i = 0; i < 4; ++i) {
    const double angle = 3 * double{frequencies[i]};
    EXPECT_NEAR(y.span()[2 * i], x[2 * i] * std::cos(angle) - x[2 * i + 1] * std::sin(angle), 1e-6);
    EXPECT_NEAR(y.span()[2 * i + 1], x[2 * i] * std::sin(angle) + x[2 * i + 1] * std::cos(angle),
                1e-6);
  }
  EXPECT_FALSE(AllClose(y.span(), x, {.rel = 1e-3}));
  Rotate(y.span(), cos, sin, Turn::kInverse);
  EXPECT_TRUE(AllClose(y.span(), x, {.abs = 1e-6}));
}

TEST(Rope, RotatesAsTheReference) {
  const std::vector<float> frequencies = RopeFrequencies(64, 10000);
  for (const Turn turn : {Turn::kForward, Turn::kInverse})
    for (const std::uint64_t position : {1u, 1000u, 1048575u}) {
      const std::vector<float> x = RandomNormals(64, position);
      std::vector<float> cos(32), sin(32), want = x;
      RopeAngles(position, frequencies, cos, sin);
      ref::Rotate(want, cos, sin, turn);
      Guarded y(x);
      Rotate(y.span(), cos, sin, turn);
      EXPECT_TRUE(y.Intact());
      std::vector<double> bound(64);
      for (std::size_t i = 0; i < 64; ++i)
        bound[i] = 3 * 0x1p-24 * (std::fabs(double{x[i]}) + std::fabs(double{x[i ^ 1]}));
      EXPECT_TRUE(AllClose(InBounds(y.span(), want, bound), std::vector<float>(64), {.abs = 1}))
          << position;
    }
}

TEST(Rope, PositionZeroTurnsNothing) {
  const std::vector<float> frequencies = RopeFrequencies(32, 10000);
  std::vector<float> cos(16), sin(16), x = RandomNormals(32, 1);
  const std::vector<float> before = x;
  RopeAngles(0, frequencies, cos, sin);
  Rotate(x, cos, sin, Turn::kForward);
  EXPECT_TRUE(SameBits(x, before));
}

}  // namespace
}  // namespace hadal::kernels
