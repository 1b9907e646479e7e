// What a scheduler's requests get from a folder of states: read by a thread, counted, given up.
#include "engine/prefixes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <thread>

#include "cache/stored_texts_test.h"

namespace hadal::engine {
namespace {

using cache::DiskOutcome, cache::Tokens;

class PrefixesTest : public ::testing::Test {
 protected:
  std::unique_ptr<Prefixes> Make() {
    disk_ = cache::OpenPrefixes(path_);
    return std::make_unique<Prefixes>(
        PrefixRules{.on = true}, pool_, [this] { return free_bytes_; }, disk_,
        [this](std::size_t) { return prompt_seconds_; });
  }
  std::unique_ptr<ActiveRequest> Asking(Tokens text) {
    Request request{.tokens = std::move(text)};
    request.stop.max_tokens = 1;
    return std::make_unique<ActiveRequest>(++last_id_, std::move(request), std::uint64_t{1} << 20,
                                           nullptr, std::span<const std::int32_t>());
  }
  std::uint64_t Outcomes(DiskOutcome outcome) const {
    return disk_->figures().outcomes[static_cast<std::size_t>(outcome)];
  }
  static Tokens Longer(Tokens text) {
    text.resize(text.size() + 40, 61);
    return text;
  }

  testing::TempFolder folder_;
  const std::string path_ = folder_.File("c");
  const Tokens text_ = Tokens(2000, 7);
  std::shared_ptr<cache::Pool> pool_ = std::make_shared<cache::Pool>(cache::Layout());
  std::shared_ptr<cache::DiskPrefixes> disk_;
  std::uint64_t free_bytes_ = std::uint64_t{1} << 40;
  double prompt_seconds_ = 0;  // not known
  RequestId last_id_ = 0;
};

TEST_F(PrefixesTest, AStateIsReadWhileOthersRunOrIsWaitedFor) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  const auto beside = Asking(Longer(text_)), alone = Asking(Longer(text_));
  for (int asked = 0; !prefixes->Admit(*beside, true); ++asked) {
    ASSERT_LT(asked, 100'000);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  ASSERT_TRUE(prefixes->Admit(*alone, false));
  for (const auto& request : {beside.get(), alone.get()}) {
    EXPECT_EQ(request->prefix().from_disk, text_.size());
    EXPECT_EQ(request->prefix().disk, DiskOutcome::kRestored);
    ASSERT_TRUE(request->sequence());
    EXPECT_TRUE(cache::SameState(*request->sequence(), cache::StateOf(pool_, text_)));
  }
  EXPECT_EQ(Outcomes(DiskOutcome::kRestored), 2u);
}

TEST_F(PrefixesTest, WhatIsReadForOneThatHasGoneIsGivenBack) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  for (int round = 0; round < 20; ++round) {
    const auto request = Asking(Longer(text_));
    if (prefixes->Admit(*request, true)) continue;  // it was read already
    if (round % 2 == 0)
      prefixes->Forget(request->id());
    else
      EXPECT_TRUE(prefixes->GiveWay());
    EXPECT_EQ(pool_->used_bytes(), 0u);
  }
  EXPECT_EQ(disk_->figures().broken, 0u);
  EXPECT_FALSE(prefixes->GiveWay());
}

TEST_F(PrefixesTest, WhatIsSlowerThanReadingTheTokensIsLeftAndCounted) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  prompt_seconds_ = 1e-9;
  const auto request = Asking(Longer(text_));
  ASSERT_TRUE(prefixes->Admit(*request, false));
  EXPECT_FALSE(request->sequence());
  EXPECT_EQ(request->prefix().disk, DiskOutcome::kSlower);
  EXPECT_EQ(Outcomes(DiskOutcome::kSlower), 1u);
  const auto other = Asking(Tokens(300, 5));
  ASSERT_TRUE(prefixes->Admit(*other, false));
  EXPECT_EQ(other->prefix().disk, DiskOutcome::kNothing);
}

// Memory that is short is not taken from what is kept, for a copy of it on disk.
TEST_F(PrefixesTest, NothingThatIsKeptGoesForACopyOnDisk) {
  const auto prefixes = Make();
  const auto request = Asking(Longer(text_));
  request->GoOnFrom(cache::StateOf(pool_, text_), {});
  prefixes->Ended(*request);
  disk_->Finish();
  EXPECT_EQ(prefixes->figures().states, 1u);
  EXPECT_EQ(disk_->figures().written.states, 1u);
  EXPECT_EQ(disk_->figures().written.skipped, 0u);
  free_bytes_ = 0;
  prefixes->Ended(*request);
  EXPECT_EQ(prefixes->figures().states, 1u);
  EXPECT_EQ(disk_->figures().written.skipped, 1u);
}

// What goes on from memory is in use on disk: it is the last to go there.
TEST_F(PrefixesTest, WhatIsUsedFromMemoryIsUsedOnDisk) {
  const auto prefixes = Make();
  const auto first = Asking(Longer(text_));
  first->GoOnFrom(cache::StateOf(pool_, text_), {});
  prefixes->Ended(*first);
  disk_->Finish();
  const auto used = [&] {
    const std::vector<cache::Segment> all =
        cache::SegmentStore::Open(path_, false, nullptr).value().All().value();
    std::int64_t oldest = std::numeric_limits<std::int64_t>::max();
    for (const cache::Segment& segment : all) oldest = std::min(oldest, segment.used_ms);
    return oldest;
  };
  const std::int64_t before = used();
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  const auto next = Asking(Longer(text_));
  ASSERT_TRUE(prefixes->Admit(*next, false));
  EXPECT_EQ(next->prefix().cached, text_.size());
  EXPECT_EQ(next->prefix().from_disk, 0u);
  disk_->Finish();
  EXPECT_GT(used(), before);
}

}  // namespace
}  // namespace hadal::engine
