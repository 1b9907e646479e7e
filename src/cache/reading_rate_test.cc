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

constexpr double kReread = 2;  // seconds that reading the tokens takes

std::uint64_t PassedUntilTried(ReadingRate* rate) {
  std::uint64_t passed = 0;
  for (; rate->Seconds(kBytes, 0) > kReread && passed < 100'000; ++passed) rate->PassedOver();
  return passed;
}

TEST(ReadingRate, IsTriedAgainBehindASlowRead) {
  ReadingRate rate;
  rate.Read(kBytes, 0, 100);
  EXPECT_EQ(PassedUntilTried(&rate), ReadingRate::kFirstRest);
  rate.Read(kBytes, 0, 1);  // it was slow once
  EXPECT_NEAR(rate.Seconds(kBytes, 0), 1, 1e-9);
  while (rate.Seconds(kBytes, 0) <= kReread) rate.Read(kBytes, 0, 100);
  EXPECT_EQ(PassedUntilTried(&rate), ReadingRate::kFirstRest);
}

// However slow it is, and however little faster it would have to be.
TEST(ReadingRate, AllReadsOfASlowDiskAreFewOfThose) {
  for (const double seconds : {2.1, 100.0}) {
    ReadingRate rate;
    std::uint64_t tried = 0;
    for (int request = 0; request < 10'000; ++request)
      if (rate.Seconds(kBytes, 0) <= kReread) {
        rate.Read(kBytes, 0, seconds);
        ++tried;
      } else {
        rate.PassedOver();
      }
    EXPECT_GE(tried, 5u) << seconds;
    EXPECT_LE(tried, 11u) << seconds;
  }
}

}  // namespace
}  // namespace hadal::cache
