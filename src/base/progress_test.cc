#include "base/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace hadal {
namespace {

TEST(Progress, SpeedIsOfWhatWasDoneHere) {
  const Progress progress("reading", 100, true, 40);
  EXPECT_EQ(progress.PerSecond(40), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const double before = progress.seconds(), speed = progress.PerSecond(50);
  EXPECT_LE(speed * before, 10.001);
  EXPECT_GE(speed * progress.seconds(), 9.999);
}

}  // namespace
}  // namespace hadal
