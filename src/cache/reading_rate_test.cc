// When states are read from disk, and that one slow read does not end it.
#include "cache/reading_rate.h"

#include <gtest/gtest.h>

namespace hadal::cache {
namespace {

constexpr std::uint64_t kBytes = 300'000'000;

TEST(ReadingRate, IsThatOfTheReadsSoFar) {
  ReadingRate rate;
  EXPECT_NEAR(rate.Seconds(kBytes, 0), 1, 1e-9);  // what is expected
  rate.Read(kBytes, 0, 0.1);
  EXPECT_NEAR(rate.Seconds(kBytes, 0), 0.1, 1e-9);
  EXPECT_NEAR(rate.Seconds(kBytes, 1000), 0.2, 1e-9);
  rate.Read(kBytes, 0, 0.2);
  EXPECT_GT(rate.Seconds(kBytes, 0), 0.1);
  EXPECT_LT(rate.Seconds(kBytes, 0), 0.2);
  rate.PassedOver();  // a fast disk is not taken for a slow one
  EXPECT_LT(rate.Seconds(kBytes, 0), 0.2);
  ReadingRate empty;
  empty.Read(0, 0, 0);
  EXPECT_GE(empty.Seconds(kBytes, 1), 0);
}

TEST(ReadingRate, IsTriedAgainBehindASlowRead) {
  constexpr double kReread = 2;  // seconds that reading the tokens takes
  ReadingRate rate;
  rate.Read(kBytes, 0, 100);
  ASSERT_GT(rate.Seconds(kBytes, 0), kReread);
  int passed = 0;
  for (; rate.Seconds(kBytes, 0) > kReread && passed < 1000; ++passed) rate.PassedOver();
  EXPECT_GT(passed, 2);  // not at once
  EXPECT_LT(passed, 20);
}

}  // namespace
}  // namespace hadal::cache
