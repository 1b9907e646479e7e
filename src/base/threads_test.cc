#include "base/threads.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
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

// What is not worth telling anybody runs at once, in order, in the caller's thread.
TEST(Threads, RunShortWorkInTheCallersThread) {
  Threads threads(3);
  std::vector<std::size_t> order;
  for (int repeat = 0; repeat < 100; ++repeat)
    threads.ForEach(7, 100.0, [&](std::size_t thread, std::size_t i) {
      EXPECT_EQ(thread, 0u);
      order.push_back(i);
    });
  ASSERT_EQ(order.size(), 700u);
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i % 7);
}

TEST(Threads, GetMoreThreadsForLongerWork) {
  Threads threads(3);
  EXPECT_EQ(threads.CountFor(0), 1u);
  EXPECT_EQ(threads.CountFor(900), 1u);
  EXPECT_EQ(threads.CountFor(1100), 2u);
  EXPECT_EQ(threads.CountFor(1e12), 3u);
}

// Each item waits for the others, so three threads compute: each by its own number.
TEST(Threads, NumberTheThreadThatComputes) {
  Threads threads(3);
  std::vector<std::atomic<int>> items_of(threads.count());
  std::atomic<int> begun = 0;
  threads.ForEach(3, [&](std::size_t thread, std::size_t) {
    ++items_of[thread];
    ++begun;
    while (begun < 3) std::this_thread::yield();
  });
  for (const std::atomic<int>& items : items_of) EXPECT_EQ(items, 1);
}

// A worker that is waited for again and again, as one is whose processor others use, stops taking
// work. Item 1 begins in the worker, which is then held up, or in the caller, which is not.
TEST(Threads, SendAWorkerAsideThatHoldsTheOthersUp) {
  Threads threads(2);
  const std::thread::id caller = std::this_thread::get_id();
  int waited_for = 0;
  std::size_t alone = 0;  // Runs behind one another that the caller did by itself
  for (int round = 0; alone < 3 && round < 200; ++round) {
    std::atomic<bool> by_worker = false;
    threads.Run(2, 1e6, [&](std::size_t i) {
      if (std::this_thread::get_id() != caller) {
        by_worker = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));  // enough for one charge
      } else if (i == 0) {  // time for the worker to begin the other
        for (int n = 0; n < 100 && !by_worker; ++n)
          std::this_thread::sleep_for(std::chrono::microseconds(10));
      }
    });
    waited_for += by_worker;
    alone = by_worker || waited_for == 0 ? 0 : alone + 1;
  }
  EXPECT_EQ(alone, 3u);
  EXPECT_GT(waited_for, 0);
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
