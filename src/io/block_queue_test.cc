#include "io/block_queue.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

class BlockQueueTest : public ::testing::Test {
 protected:
  BlockQueueTest() {
    HADAL_CHECK(WriteFile(folder_.File("data"), std::string(40'000, 'x')).ok());
    file_.emplace(DirectFile::Open(folder_.File("data")).value());
  }
  Read Of(std::uint64_t begin, std::uint64_t end) const {
    return {.id = 3, .file = &*file_, .range = {begin, end}, .to = memory_.data()};
  }

  testing::TempFolder folder_;
  std::optional<DirectFile> file_;
  DirectBuffer memory_ = DirectBuffer::Create(65'536, "a test").value();
  std::vector<Status> ended_;
  BlockQueue queue_{[this](std::uint64_t id, Status status) {
                      EXPECT_EQ(id, 3u);
                      ended_.push_back(std::move(status));
                    },
                    2 * kDiskBlock, 4};
};

TEST_F(BlockQueueTest, AShortReadIsGoneOnWithAtAWholeBlock) {
  queue_.Add(Of(100, 8'000));
  const BlockQueue::Block block = queue_.Take().value();
  EXPECT_EQ(block.offset, 0u);
  EXPECT_EQ(block.bytes, 8'192u);
  EXPECT_EQ(block.needed, 8'000u);
  EXPECT_FALSE(queue_.Take());
  queue_.Finish(block, 5'000);
  const BlockQueue::Block rest = queue_.Take().value();
  EXPECT_EQ(rest.offset, 4'096u);
  EXPECT_EQ(rest.bytes, 4'096u);
  EXPECT_EQ(rest.needed, 3'904u);
  EXPECT_EQ(rest.to, memory_.data() + 4'096);
  EXPECT_TRUE(ended_.empty());
  queue_.Finish(rest, -EINTR);
  const BlockQueue::Block again = queue_.Take().value();
  EXPECT_EQ(again.offset, 4'096u);
  queue_.Finish(again, 3'904);  // the file's end lies within its last block
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_TRUE(ended_[0].ok());
}

TEST_F(BlockQueueTest, AReadThatFailsIsToldOnceAndReadsNoMore) {
  queue_.Add(Of(0, 40'000));
  const BlockQueue::Block first = queue_.Take().value(), second = queue_.Take().value();
  queue_.Finish(second, -EIO);
  EXPECT_TRUE(ended_.empty());  // the first one still writes
  EXPECT_FALSE(queue_.Take());  // and no other is begun
  queue_.Finish(first, -EIO);
  ASSERT_EQ(ended_.size(), 1u);
  EXPECT_EQ(ended_[0].error().what,
            file_->path() + ": cannot read at byte 8192: Input/output error");
}

TEST_F(BlockQueueTest, ClosedGivesNothing) {
  queue_.Add(Of(0, 40'000));
  queue_.Close();
  EXPECT_FALSE(queue_.Take());
  EXPECT_FALSE(queue_.WaitAndTake());
}

}  // namespace
}  // namespace hadal::io
