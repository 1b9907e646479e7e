#include "base/stop_signal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace hadal {
namespace {

// In a process of its own: signals are the whole process's.
void StopTwice(int first, int second) {
  const std::atomic<bool>& stop = StopRequested();
  if (stop.load()) _exit(1);
  raise(first);
  if (!stop.load()) _exit(2);
  raise(second);
  _exit(3);
}

TEST(StopSignal, TheFirstAsksAndTheSecondEnds) {
  EXPECT_EXIT(StopTwice(SIGINT, SIGINT), ::testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(StopTwice(SIGHUP, SIGTERM), ::testing::KilledBySignal(SIGTERM), "");
  EXPECT_EXIT(StopTwice(SIGTERM, SIGHUP), ::testing::KilledBySignal(SIGHUP), "");
}

TEST(StopSignal, WhatWasIgnoredStaysIgnored) {
  const auto under_nohup = [] {
    std::signal(SIGHUP, SIG_IGN);
    const std::atomic<bool>& stop = StopRequested();
    raise(SIGHUP);
    _exit(stop.load() ? 1 : 0);
  };
  EXPECT_EXIT(under_nohup(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace hadal
