#include "testing/close.h"

#include <cmath>
#include <limits>
#include <vector>

namespace hadal::testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

bool Close(const std::vector<float>& got, const std::vector<float>& want, Bound bound) {
  return static_cast<bool>(AllClose(got, want, bound));
}

TEST(AllClose, AcceptsWhatIsInside) {
  EXPECT_TRUE(Close({1, -2, kNan, kInf, -kInf}, {1, -2, kNan, kInf, -kInf}, {}));
  EXPECT_TRUE(Close({-1.05f}, {-1}, {.rel = 0.1}));
  EXPECT_TRUE(Close({0.001f}, {0}, {.abs = 0.01}));
}

TEST(AllClose, SeesEverySignAndEverySpecialValue) {
  const std::vector<std::pair<float, float>> wrong = {
      {6, 5},    {5, 6},    {-6, -5},  {-5, -6},      {5, -5},     {kNan, 1},
      {1, kNan}, {kInf, 1}, {1, kInf}, {kInf, -kInf}, {kNan, kInf}};
  for (const auto& [got, want] : wrong)
    EXPECT_FALSE(Close({0, got, 0}, {0, want, 0}, {.rel = 1e-3, .abs = 1e-3}))
        << got << " " << want;
}

TEST(AllClose, SeesADifferentSize) { EXPECT_FALSE(Close({1}, {1, 2}, {.rel = 10})); }

TEST(RelativeError, IsOverTheWholeVector) {
  const std::vector<float> want = {3, 4};
  EXPECT_EQ(RelativeError(want, want), 0);
  EXPECT_NEAR(RelativeError(std::vector<float>{3, 4.5f}, want), 0.1, 1e-12);
  EXPECT_TRUE(std::isnan(RelativeError(std::vector<float>{kNan, 4}, want)));
}

TEST(SameBits, TellsZeroFromMinusZero) {
  EXPECT_TRUE(SameBits(std::vector<float>{1, kNan}, std::vector<float>{1, kNan}));
  EXPECT_FALSE(SameBits(std::vector<float>{0.f}, std::vector<float>{-0.f}));
}

}  // namespace
}  // namespace hadal::testing
