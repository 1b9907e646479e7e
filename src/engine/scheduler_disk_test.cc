// A scheduler whose states are read from a disk that takes as long as it likes: nobody waits for it
// but the request that wants one.
#include <atomic>
#include <new>

#include "base/clock.h"
#include "engine/disk_cache.h"
#include "engine/scheduler_fixture_test.h"
#include "testing/temp_folder.h"

namespace hadal::engine {
namespace {

class SchedulerDiskTest : public SchedulerTest {
 protected:
  static constexpr std::size_t kTokens = 300;

  // A scheduler that has nothing in memory, and a text on a disk that hangs.
  void MakeHanging(std::uint64_t state_bytes = cache::Pool::kUnlimited) {
    options_.keep_prefixes = true;
    options_.disk = Open({});
    Run(Reading(kTokens, 1));
    options_.disk->Finish();
    ASSERT_GT(options_.disk->figures().written.states, 0u);
    options_.disk = Open([this] { hangs_.wait(true); });
    options_.state_bytes = state_bytes;
    Make();
  }
  std::shared_ptr<cache::DiskPrefixes> Open(std::function<void()> before_reading) {
    return OpenDiskCache(Files().model, "embedded",
                         {.folder = folder_.File("c"),
                          .even_if_slower = true,
                          .before_reading = std::move(before_reading)})
        .value();
  }
  void Release() {
    hangs_ = false;
    hangs_.notify_all();
  }
  void Steps(int count) {
    for (int step = 0; step < count; ++step) report_ = scheduler_->Step();
  }
  // The others may end meanwhile.
  void UntilEnded(const Heard& heard) {
    for (int step = 0; !heard.end && step < 1000; ++step) Steps(1);
    ASSERT_TRUE(heard.end);
  }
  void TearDown() override {
    Release();  // the scheduler's end waits for the disk
    scheduler_.reset();
  }

  testing::TempFolder folder_;
  std::atomic<bool> hangs_{true}, first_hangs_{true};
  std::atomic<int> reads_{0};
  StepReport report_;
};

TEST_F(SchedulerDiskTest, OthersComeAndGoWhileAStateIsRead) {
  const Request beside = Greedy(kPrompt, 20), reading = Reading(kTokens + 30, 20);
  const Heard beside_alone = Run(beside), reading_alone = Run(reading);
  MakeHanging();
  Heard waits, goes;
  Add(reading, &waits);
  Steps(3);
  EXPECT_EQ(report_.running, 1u);
  Add(beside, &goes);
  UntilEnded(goes);
  EXPECT_EQ(goes.ids, beside_alone.ids);
  EXPECT_FALSE(waits.end);
  Release();
  UntilEnded(waits);
  EXPECT_EQ(waits.ids, reading_alone.ids);
  EXPECT_GE(waits.end->prefix.from_disk, kTokens - 2);
  EXPECT_EQ(waits.end->prefix.disk, cache::DiskOutcome::kRestored);
}

TEST_F(SchedulerDiskTest, WhoWaitsForItCanGo) {
  MakeHanging();
  Heard waits, goes;
  const RequestId id = Add(Reading(kTokens + 30, 5), &waits);
  Steps(3);
  EXPECT_FALSE(waits.end);
  scheduler_->Cancel(id);
  Steps(1);
  ASSERT_TRUE(waits.end);
  EXPECT_EQ(waits.end->reason, FinishReason::kCancelled);
  EXPECT_FALSE(waits.end->state);
  Add(Greedy(kPrompt, 3), &goes);
  UntilEnded(goes);
}

// Its memory is its own from the beginning of the read on.
TEST_F(SchedulerDiskTest, WhatWillBeReadHasItsMemory) {
  MakeHanging(StateBytes(1000));
  Heard reading, large;
  Add(Reading(kTokens + 30, 200), &reading);
  Steps(2);
  Add(Reading(600, 100), &large);
  Steps(5);
  EXPECT_EQ(report_.running, 1u);
  EXPECT_EQ(report_.waiting, 1u);
  Release();
  UntilEnded(reading);
  reading.end->state.reset();
  UntilEnded(large);
  EXPECT_EQ(reading.end->prefix.disk, cache::DiskOutcome::kRestored);
  EXPECT_EQ(reading.end->reason, FinishReason::kMaxTokens);
  EXPECT_EQ(large.end->reason, FinishReason::kMaxTokens);
}

// A read that nobody wants any more takes memory until it has noticed: nobody else is given that.
TEST_F(SchedulerDiskTest, WhatIsLeftHasItsMemoryForAWhile) {
  MakeHanging(StateBytes(1000));
  Heard left, large;
  const RequestId id = Add(Reading(kTokens + 30, 200), &left);
  Steps(2);
  scheduler_->Cancel(id);
  Add(Reading(900, 100), &large);
  Steps(5);
  EXPECT_TRUE(left.end);
  EXPECT_EQ(report_.running, 0u);
  EXPECT_EQ(report_.waiting, 1u);
  Release();
  UntilEnded(large);
  EXPECT_EQ(large.end->reason, FinishReason::kMaxTokens);
  EXPECT_LE(scheduler_->pool()->used_bytes(), options_.state_bytes);
}

// Whose read is done when he has gone does not keep the steps awake that wait for another's.
TEST_F(SchedulerDiskTest, WhoHasGoneIsNotWaitedFor) {
  MakeHanging();
  options_.disk = Open([this] { (reads_++ == 0 ? first_hangs_ : hangs_).wait(true); });
  Make();
  Heard left, waits;
  const RequestId id = Add(Reading(kTokens + 30, 5), &left);
  for (int reads = 1; reads <= 2; ++reads) {
    while (reads_ < reads) Steps(1);
    if (reads == 1) Add(Reading(kTokens + 40, 5), &waits);
  }
  scheduler_->Cancel(id);
  first_hangs_ = false;
  first_hangs_.notify_all();
  Steps(20);
  const Stopwatch clock;
  Steps(10);
  EXPECT_GT(clock.seconds(), 0.025);  // of ten times five milliseconds
  EXPECT_FALSE(waits.end);
  Release();
  UntilEnded(waits);
}

// What finds no memory in the reading thread is an error of that read, and of nothing else.
TEST_F(SchedulerDiskTest, AReadThatThrowsIsAReadThatFails) {
  const Request request = Reading(kTokens + 30, 5);
  const Heard alone = Run(request);
  MakeHanging();
  options_.disk = Open([] { throw std::bad_alloc(); });
  const Heard failed = Run(request);
  EXPECT_EQ(failed.ids, alone.ids);
  EXPECT_EQ(failed.end->prefix.disk, cache::DiskOutcome::kFailed);
}

}  // namespace
}  // namespace hadal::engine
