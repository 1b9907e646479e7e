#include "base/threads.h"

#include <gtest/gtest.h>

#include <vector>

namespace hadal {
namespace {

TEST(Threads, RunsEveryItemOnceOnItsOwnBlock) {
  for (std::size_t count : {1u, 2u, 3u, 5u}) {
    Threads threads(count);
    for (std::size_t items : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<int> runs(items, 0);
      for (int repeat = 0; repeat < 50; ++repeat)
        threads.Run(items, [&](std::size_t i) { ++runs[i]; });
      EXPECT_EQ(runs, std::vector<int>(items, 50));
    }
  }
}

TEST(Threads, UsesSeveralThreads) {
  Threads threads(3);
  std::vector<std::thread::id> ids(3);
  threads.Run(3, [&](std::size_t i) { ids[i] = std::this_thread::get_id(); });
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
}

}  // namespace
}  // namespace hadal
