#include "base/delays.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kNone = Delays::Clock::duration::zero();
const Delays::Clock::time_point kStart(seconds(1000));

// Delays of 3 ms, one every `period`: when the thread is sent away for the first time within ten
// seconds, if at all.
Delays::Clock::duration FirstRestAfter(Delays::Clock::duration period, std::size_t threads) {
  Delays delays;
  for (auto now = kStart; now < kStart + seconds(10); now += period)
    if (delays.Charge(now, milliseconds(3), threads) > kNone) return now - kStart;
  return seconds(10);
}

TEST(Delays, ForgiveOneDelay) {
  Delays delays;
  EXPECT_EQ(delays.Charge(kStart, milliseconds(3), 2), kNone);
}

TEST(Delays, SendAwayWhoCostsMoreThanItBrings) {
  // Of two threads one brings half of the work, and may cost a quarter of the time.
  EXPECT_EQ(FirstRestAfter(milliseconds(6), 2), milliseconds(30));
  EXPECT_EQ(FirstRestAfter(milliseconds(13), 2), seconds(10));
  // Of sixteen one brings a sixteenth.
  EXPECT_LT(FirstRestAfter(milliseconds(13), 16), milliseconds(100));
  EXPECT_LT(FirstRestAfter(milliseconds(80), 16), seconds(10));
  EXPECT_EQ(FirstRestAfter(milliseconds(97), 16), seconds(10));
}

TEST(Delays, KeepAwayTwiceAsLongEachTime) {
  Delays delays;
  Delays::Clock::time_point now = kStart;
  Delays::Clock::duration rest = kNone;
  for (auto expected : {100, 200, 400, 800, 1600, 1600}) {
    rest = delays.Charge(now, milliseconds(10), 2);
    EXPECT_EQ(rest, milliseconds(expected));
    now += rest + milliseconds(50);
  }
  now += 2 * rest;  // undisturbed for long
  EXPECT_EQ(delays.Charge(now, milliseconds(10), 2), milliseconds(100));
}

// A thread that goes aside in the middle of a wait is charged once more before it is back.
TEST(Delays, OfOneWhoIsAwayCountOnceItIsBack) {
  Delays delays;
  EXPECT_EQ(delays.Charge(kStart, milliseconds(10), 2), milliseconds(100));
  EXPECT_EQ(delays.Charge(kStart + milliseconds(1), milliseconds(1), 2), kNone);
  EXPECT_EQ(delays.Charge(kStart + milliseconds(150), milliseconds(5), 2), kNone);
}

}  // namespace
}  // namespace hadal
