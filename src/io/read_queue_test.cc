#include "io/read_queue.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/random.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

constexpr std::byte kUntouched{0xA5};

std::string RandomBytes(std::size_t bytes) {
  Random random(bytes);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random.Below(256));
  return text;
}

// What became of reads, for those who wait.
class Ended {
 public:
  Reader::Done Callback() {
    return [this](std::uint64_t id, Status status) {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(ended_.emplace(id, std::move(status)).second) << "told twice";
      changed_.notify_all();
    };
  }
  Status WaitFor(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_.contains(id); });
    return ended_.at(id);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Status> ended_;
};

struct Way {
  ReadBackend backend;
  bool direct;
};

// Every backend that runs here, past the page cache and through it.
std::vector<Way> Ways() {
  std::vector<Way> ways;
  for (const ReadBackend backend : {ReadBackend::kUring, ReadBackend::kThreads})
    for (const bool direct : {true, false})
      if (ReadQueue::Create([](std::uint64_t, const Status&) {}, {}, backend).ok())
        ways.push_back({backend, direct});
  return ways;
}

class ReadQueueTest : public ::testing::Test {
 protected:
  DirectFile Open(const std::string& text, bool direct) {
    const std::string path = folder_.File("data");
    EXPECT_TRUE(WriteFile(path, text).ok());
    return DirectFile::Open(path, direct).value();
  }
  testing::TempFolder folder_;
};

// Where there is no ring the tests below are of threads alone, and this one says so.
TEST_F(ReadQueueTest, TheRingIsThere) {
  const auto queue =
      ReadQueue::Create([](std::uint64_t, const Status&) {}, {}, ReadBackend::kUring);
  if (!queue.ok()) GTEST_SKIP() << queue.error().what;
  EXPECT_STREQ((*queue)->backend(), "io_uring");
  EXPECT_EQ(Ways().size(), 4u);
}

TEST_F(ReadQueueTest, ThreadsAreAlwaysThere) {
  const auto queue = ReadQueue::Create([](std::uint64_t, const Status&) {});
  ASSERT_TRUE(queue.ok());
  const auto threads =
      ReadQueue::Create([](std::uint64_t, const Status&) {}, {}, ReadBackend::kThreads);
  ASSERT_TRUE(threads.ok());
  EXPECT_STREQ((*threads)->backend(), "threads");
}

// Ranges of any place and length, blocks smaller than they, some to the file's end, which is no
// multiple of a block: the bytes of the file, and none behind the hull.
TEST_F(ReadQueueTest, GivesTheBytesOfTheFile) {
  const std::string text = RandomBytes(300'001);
  for (const Way way : Ways()) {
    const DirectFile file = Open(text, way.direct);
    Random random(5);
    for (const std::uint64_t block : {kDiskBlock, 5 * kDiskBlock, std::uint64_t{1} << 20}) {
      Ended ended;
      const auto queue =
          ReadQueue::Create(ended.Callback(), {.depth = 3, .block_bytes = block}, way.backend)
              .value();
      std::vector<FileRange> ranges = {
          {0, text.size()}, {text.size() - 1, text.size()}, {4096, 8192}};
      while (ranges.size() < 20) {
        const std::uint64_t begin = random.Below(text.size());
        ranges.push_back({begin, begin + 1 + random.Below(text.size() - begin)});
      }
      std::vector<DirectBuffer> buffers;
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        buffers.push_back(DirectBuffer::Create(ranges[i].hull_bytes() + 64, "a test").value());
        std::ranges::fill(buffers[i].span(), kUntouched);
        queue->Submit({.id = i,
                       .file = &file,
                       .range = ranges[i],
                       .to = buffers[i].data(),
                       .urgency = static_cast<Urgency>(i % kUrgencies)});
      }
      for (std::size_t i = 0; i < ranges.size(); ++i) {
        const FileRange& range = ranges[i];
        ASSERT_TRUE(ended.WaitFor(i).ok());
        const auto* got = reinterpret_cast<const char*>(buffers[i].data());
        EXPECT_EQ(
            std::string_view(got + (range.begin - range.hull_begin()), range.end - range.begin),
            std::string_view(text).substr(range.begin, range.end - range.begin));
        for (const std::byte b : buffers[i].span().subspan(range.hull_bytes()))
          EXPECT_EQ(b, kUntouched);
      }
    }
  }
}

// Neither they nor their neighbours' large pages keep what was discarded.
TEST(DirectBuffer, WhatIsDiscardedIsTheSystems) {
  constexpr std::uint64_t kPart = 3'403'776;  // no large pages' end
  const DirectBuffer buffer = DirectBuffer::Create(3 * kPart, "a test").value();
  const auto resident = [&](std::uint64_t begin, std::uint64_t bytes) {
    std::vector<unsigned char> pages(bytes / kDiskBlock);
    HADAL_CHECK(mincore(buffer.data() + begin, bytes, pages.data()) == 0);
    return static_cast<std::uint64_t>(
        std::ranges::count_if(pages, [](unsigned char page) { return (page & 1u) != 0; }));
  };
  buffer.Discard(kPart, kPart);
  std::ranges::fill(buffer.span().first(kPart), std::byte{8});
  std::ranges::fill(buffer.span().last(kPart), std::byte{9});
  EXPECT_EQ(resident(kPart, kPart), 0u);
  EXPECT_EQ(resident(0, kPart), kPart / kDiskBlock);
  buffer.Retake(kPart, kPart);
  std::ranges::fill(buffer.span(), std::byte{5});
  EXPECT_EQ(resident(0, 3 * kPart), 3 * kPart / kDiskBlock);
  buffer.Discard(kPart, kPart);
  EXPECT_EQ(resident(kPart, kPart), 0u);
}

TEST_F(ReadQueueTest, AFileThatIsCutShortIsAnErrorOfTheRead) {
  const std::string text = RandomBytes(100'000);
  for (const Way way : Ways()) {
    const DirectFile file = Open(text, way.direct);
    std::filesystem::resize_file(file.path(), 50'000);
    Ended ended;
    const auto queue =
        ReadQueue::Create(ended.Callback(), {.depth = 2, .block_bytes = 8192}, way.backend).value();
    const DirectBuffer buffer = DirectBuffer::Create(200'000, "a test").value();
    queue->Submit({.id = 1, .file = &file, .range = {0, 100'000}, .to = buffer.data()});
    const Status status = ended.WaitFor(1);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kCorrupt);
    EXPECT_NE(status.error().what.find(file.path() + ": found its end at byte "), std::string::npos)
        << status.error().what;
    queue->Submit({.id = 2, .file = &file, .range = {0, 50'000}, .to = buffer.data()});
    EXPECT_TRUE(ended.WaitFor(2).ok());  // and the queue goes on
    EXPECT_FALSE(file.Read({0, 100'000}, buffer.span()).ok());
    EXPECT_TRUE(file.Read({1, 50'000}, buffer.span()).ok());
  }
}

TEST_F(ReadQueueTest, WhatTheSystemRefusesNamesFileAndOffset) {
  for (const Way way : Ways()) {
    const DirectFile file = Open(RandomBytes(20'000), way.direct);
    Ended ended;
    const auto queue = ReadQueue::Create(ended.Callback(), {}, way.backend).value();
    // Memory that is not there.
    queue->Submit({.id = 9,
                   .file = &file,
                   .range = {8192, 12'000},
                   .to = reinterpret_cast<std::byte*>(kDiskBlock)});
    const Status status = ended.WaitFor(9);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, Code::kIo);
    EXPECT_EQ(status.error().what, file.path() + ": cannot read at byte 8192: Bad address");
  }
}

TEST_F(ReadQueueTest, WhatIsUrgentComesFirst) {
  const DirectFile file = Open(RandomBytes(40 * kDiskBlock), true);
  for (const ReadBackend backend : {ReadBackend::kUring, ReadBackend::kThreads}) {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<std::uint64_t> order;
    bool open = false;
    const auto made = ReadQueue::Create(
        [&](std::uint64_t id, const Status&) {
          std::unique_lock lock(mutex);
          // The first one holds the only worker until all others wait.
          if (id == 0) changed.wait(lock, [&] { return open; });
          order.push_back(id);
          changed.notify_all();
        },
        {.depth = 1, .block_bytes = kDiskBlock}, backend);
    if (!made.ok()) continue;
    const DirectBuffer buffer = DirectBuffer::Create(40 * kDiskBlock, "a test").value();
    const auto submit = [&](std::uint64_t id, Urgency urgency) {
      const std::uint64_t at = id * 2 * kDiskBlock;
      (*made)->Submit({.id = id,
                       .file = &file,
                       .range = {at, at + 2 * kDiskBlock},
                       .to = buffer.data() + at,
                       .urgency = urgency});
    };
    submit(0, Urgency::kNow);
    submit(1, Urgency::kGuess);
    submit(2, Urgency::kSoon);
    submit(3, Urgency::kNow);
    submit(4, Urgency::kSoon);
    std::unique_lock lock(mutex);
    open = true;
    changed.notify_all();
    changed.wait(lock, [&] { return order.size() == 5; });
    EXPECT_EQ(order.front(), 0u);
    EXPECT_EQ(order, (std::vector<std::uint64_t>{0, 3, 2, 4, 1}));
  }
}

TEST_F(ReadQueueTest, EndsWithReadsWaiting) {
  const DirectFile file = Open(RandomBytes(40 * kDiskBlock), true);
  const DirectBuffer buffer = DirectBuffer::Create(40 * kDiskBlock, "a test").value();
  for (const Way way : Ways()) {
    const auto queue = ReadQueue::Create([](std::uint64_t, const Status&) {},
                                         {.depth = 2, .block_bytes = kDiskBlock}, way.backend)
                           .value();
    for (std::uint64_t i = 0; i < 300; ++i)
      queue->Submit({.id = i, .file = &file, .range = {0, 40 * kDiskBlock}, .to = buffer.data()});
  }
}

// Whoever hears that a read is over may submit another, also while the queue ends.
TEST_F(ReadQueueTest, EndsWhileReadsAreSubmittedFromTheLast) {
  const DirectFile file = Open(RandomBytes(4 * kDiskBlock), true);
  const DirectBuffer buffer = DirectBuffer::Create(4 * kDiskBlock, "a test").value();
  for (const Way way : Ways())
    for (int round = 0; round < 30; ++round) {
      std::atomic<ReadQueue*> queue{nullptr};
      const auto submit = [&](std::uint64_t id, const Status&) {
        while (queue == nullptr) std::this_thread::yield();
        queue.load()->Submit(
            {.id = id, .file = &file, .range = {0, 1}, .to = buffer.data() + id * kDiskBlock});
      };
      const auto made =
          ReadQueue::Create(submit, {.depth = 2, .block_bytes = kDiskBlock}, way.backend).value();
      queue = made.get();
      for (std::uint64_t id = 0; id < 4; ++id) submit(id, Unit{});
      std::this_thread::sleep_for(std::chrono::microseconds(round * 20));
    }
}

// A read's file may be closed as soon as it is over.
TEST_F(ReadQueueTest, AFileIsNotTouchedWhenItsReadIsOver) {
  const std::string text = RandomBytes(4 * kDiskBlock);
  const DirectBuffer buffer = DirectBuffer::Create(4 * kDiskBlock, "a test").value();
  for (const Way way : Ways())
    for (int round = 0; round < 50; ++round) {
      auto file = std::make_unique<DirectFile>(Open(text, way.direct));
      Ended ended;
      const auto queue =
          ReadQueue::Create(ended.Callback(), {.depth = 4, .block_bytes = kDiskBlock}, way.backend)
              .value();
      queue->Submit({.id = 1, .file = file.get(), .range = {0, text.size()}, .to = buffer.data()});
      EXPECT_TRUE(ended.WaitFor(1).ok());
      file.reset();
    }
}

TEST(DirectFile, OpensFilesAlone) {
  const testing::TempFolder folder;
  EXPECT_EQ(DirectFile::Open(folder.File("none")).error().code, Code::kNotFound);
  EXPECT_NE(DirectFile::Open(folder.path()).error().what.find("found a folder"), std::string::npos);
  ASSERT_TRUE(WriteFile(folder.File("empty"), "").ok());
  EXPECT_EQ(DirectFile::Open(folder.File("empty")).value().bytes(), 0u);
}

TEST(DirectBuffer, IsAlignedAndCostsNothingUntilItIsWritten) {
  for (const std::uint64_t bytes : {1ull, 4097ull, 5ull << 20, 123'456'789ull}) {
    const DirectBuffer buffer = DirectBuffer::Create(bytes, "a test").value();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kDiskBlock, 0u);
    buffer.data()[bytes - 1] = std::byte{1};
  }
  EXPECT_EQ(DirectBuffer::Create(0, "a test")->data(), nullptr);
  const auto refused = DirectBuffer::Create(std::uint64_t{1} << 60, "held experts");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what.find("no memory for held experts: "), 0u);
}

}  // namespace
}  // namespace hadal::io
