#include "base/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <vector>

#include "base/log.h"
#include "testing/sanitized.h"

namespace hadal {
namespace {

TEST(Threads, RunsEveryItemOnce) {
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

// Each item waits for the others, so no thread can do two.
TEST(Threads, UsesSeveralThreads) {
  Threads threads(3);
  std::vector<std::thread::id> ids(3);
  std::atomic<int> begun = 0;
  threads.Run(3, [&](std::size_t i) {
    ids[i] = std::this_thread::get_id();
    ++begun;
    while (begun < 3) std::this_thread::yield();
  });
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
  EXPECT_NE(ids[0], ids[2]);
}

// One thread is held up in its first item; the others do the rest meanwhile.
TEST(Threads, NobodyWaitsForAThreadThatHasNotBegun) {
  Threads threads(3);
  std::atomic<int> done = 0;
  threads.Run(300, [&](std::size_t i) {
    if (i == 100)                                         // the second block's first
      while (done < 300 - 25) std::this_thread::yield();  // all but its piece of a quarter
    ++done;
  });
  EXPECT_EQ(done, 300);
}

// Runs behind each other, with workers that come too late for most. Their last blocks are of one
// size and lie elsewhere, so that who takes a piece of the next Run for one of its own does the
// wrong items.
TEST(Threads, ManyShortRunsMissNothing) {
  Threads threads(4);
  std::vector<int> runs(7, 0);
  for (int repeat = 0; repeat < 20000; ++repeat) {
    threads.Run(7, [&](std::size_t i) { ++runs[i]; });
    threads.Run(6, [&](std::size_t i) { ++runs[i]; });
  }
  EXPECT_EQ(runs, std::vector<int>({40000, 40000, 40000, 40000, 40000, 40000, 20000}));
}

TEST(Threads, ThrowWhatTheirWorkThrows) {
  for (const std::size_t count : {1u, 3u}) {
    Threads threads(count);
    for (const std::size_t bad : {0u, 2u}) {
      std::atomic<int> runs = 0;
      const auto run = [&] {
        threads.Run(3, [&](std::size_t i) {
          ++runs;
          if (i == bad) throw std::bad_alloc();
        });
      };
      EXPECT_THROW(run(), std::bad_alloc) << count;
      if (count == 3) {
        EXPECT_EQ(runs, 3);
      }
    }
    int after = 0;  // and go on afterwards
    threads.Run(1, [&](std::size_t) { ++after; });
    EXPECT_EQ(after, 1);
  }
}

// Address space for a few stacks, not for a thousand.
TEST(Threads, WorkWithFewerWhereTheSystemGivesFewer) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer takes address space without end";
#endif
  const auto work = [] {
    const std::uint64_t bytes = std::uint64_t{1} << 28;
    const rlimit limit{bytes, bytes};
    if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(1);
    StartLog(0);
    Threads threads(1000);
    std::vector<int> runs(5000, 0);
    threads.Run(runs.size(), [&](std::size_t i) { ++runs[i]; });
    _exit(threads.count() < 1000 && runs == std::vector<int>(5000, 1) ? 0 : 2);
  };
  EXPECT_EXIT(work(), ::testing::ExitedWithCode(0), "threads asked=1000 got=");
}

}  // namespace
}  // namespace hadal
