// What a scheduler's requests get from a folder of states: read by a thread, counted, given up.
#include "engine/prefixes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <thread>

#include "cache/stored_texts_test.h"

namespace hadal::engine {
namespace {

using cache::DiskOutcome, cache::Tokens;

class PrefixesTest : public ::testing::Test {
 protected:
  std::unique_ptr<Prefixes> Make(std::function<std::uint64_t()> free_bytes = {}) {
    disk_ = cache::OpenPrefixes(path_, &notes_);
    if (!free_bytes) free_bytes = [this] { return free_bytes_; };
    return std::make_unique<Prefixes>(PrefixRules{.on = true}, pool_, std::move(free_bytes), disk_,
                                      [this](std::size_t) { return prompt_seconds_; });
  }
  std::unique_ptr<ActiveRequest> Asking(Tokens text,
                                        std::uint64_t promised_bytes = std::uint64_t{1} << 20) {
    Request request{.tokens = std::move(text)};
    request.stop.max_tokens = 1;
    return std::make_unique<ActiveRequest>(++last_id_, std::move(request), promised_bytes, nullptr,
                                           std::span<const std::int32_t>());
  }
  std::uint64_t Outcomes(DiskOutcome outcome) const {
    return disk_->figures().outcomes[static_cast<std::size_t>(outcome)];
  }
  static Tokens Longer(Tokens text) {
    text.resize(text.size() + 40, 61);
    return text;
  }

  // A text of so many tokens, and like no other, has been read and has ended.
  void Read(Prefixes* prefixes, const Tokens& text) {
    const auto request = Asking(Longer(text));
    request->GoOnFrom(cache::StateOf(pool_, text), {});
    prefixes->Ended(*request);
  }
  // The request is admitted, and has what was to be read for it.
  void AdmitWhole(Prefixes* prefixes, ActiveRequest* request) {
    ASSERT_TRUE(prefixes->Admit(*request));
    while (prefixes->IsReading(request->id()) && !prefixes->Restored(*request))
      prefixes->WaitForDisk(std::chrono::milliseconds(5));
  }

  testing::TempFolder folder_;
  const std::string path_ = folder_.File("c");
  const Tokens text_ = Tokens(2000, 7);
  std::shared_ptr<cache::Pool> pool_ = std::make_shared<cache::Pool>(cache::Layout());
  std::shared_ptr<cache::DiskPrefixes> disk_;
  std::vector<std::string> notes_;
  std::uint64_t free_bytes_ = std::uint64_t{1} << 40;
  double prompt_seconds_ = 0;  // not known
  RequestId last_id_ = 0;
};

TEST_F(PrefixesTest, StatesAreReadForAnyNumberOfRequests) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  const auto one = Asking(Longer(text_)), other = Asking(Longer(text_));
  ASSERT_TRUE(prefixes->Admit(*one));
  ASSERT_TRUE(prefixes->IsReading(one->id()));
  AdmitWhole(prefixes.get(), other.get());
  while (!prefixes->Restored(*one)) std::this_thread::yield();
  EXPECT_EQ(prefixes->reading_bytes(), 0u);
  for (const auto& request : {one.get(), other.get()}) {
    EXPECT_EQ(request->prefix().from_disk, text_.size());
    EXPECT_EQ(request->prefix().disk, DiskOutcome::kRestored);
    ASSERT_TRUE(request->sequence());
    EXPECT_TRUE(cache::SameState(*request->sequence(), cache::StateOf(pool_, text_)));
  }
  EXPECT_EQ(Outcomes(DiskOutcome::kRestored), 2u);
}

// Positions at which a prompt's states are kept if it is read from its beginning.
std::vector<std::uint64_t> KeptAt(Prefixes* prefixes, const std::shared_ptr<cache::Pool>& pool,
                                  ActiveRequest* request) {
  std::vector<std::uint64_t> kept;
  const std::span<const std::int32_t> text = request->tokens();
  for (std::uint64_t at = 0; at < text.size();) {
    request->GoOnFrom(cache::StateOf(pool, text.first(at)), {});
    at += std::min<std::uint64_t>(prefixes->RowsUntilKept(*request), text.size() - at);
    request->GoOnFrom(cache::StateOf(pool, text.first(at)), {});
    const std::uint64_t made = prefixes->figures().made;
    prefixes->Advanced(*request);
    if (prefixes->figures().made > made) kept.push_back(at);
  }
  return kept;
}

TEST_F(PrefixesTest, StatesLieWhereTurnsEnd) {
  const auto prefixes = Make();
  Request request{.tokens = Tokens(2600, 7), .turn_ends = {40, 300, 400, 555, 556, 1500, 2590}};
  request.stop.max_tokens = 1;
  ActiveRequest asking(1, request, 1 << 20, nullptr, {});
  // 40 and those up to 555 are less than 256 tokens behind the one before.
  EXPECT_EQ(KeptAt(prefixes.get(), pool_, &asking),
            (std::vector<std::uint64_t>{300, 556, 1024, 1500, 2048, 2590, 2600}));
}

TEST_F(PrefixesTest, AnyNumberOfTurnsLeavesFewStates) {
  constexpr std::size_t kTurns = 500, kTurn = 40;
  const auto prefixes = Make();
  Request request{.tokens = Tokens(kTurns * kTurn, 7)};
  for (std::uint64_t turn = 1; turn <= kTurns; ++turn) request.turn_ends.push_back(turn * kTurn);
  request.stop.max_tokens = 1;
  ActiveRequest asking(1, request, 1 << 20, nullptr, {});
  const std::size_t pages = kTurns * kTurn / (PrefixRules::kEveryPages * arch::kPageTokens);
  const std::size_t kept = KeptAt(prefixes.get(), pool_, &asking).size();
  EXPECT_GT(kept, pages + PrefixRules::kMostTurns / 2);
  EXPECT_LE(kept, pages + PrefixRules::kMostTurns + 1);
}

TEST_F(PrefixesTest, WhatIsReadForOneThatHasGoneIsGivenBack) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  for (int round = 0; round < 20; ++round) {
    const auto request = Asking(Longer(text_));
    ASSERT_TRUE(prefixes->Admit(*request));
    prefixes->Ended(*request);
    EXPECT_EQ(prefixes->reading_bytes(), 0u);
  }
  const auto last = Asking(Tokens(300, 5));  // what is left goes with the next that is admitted
  while (pool_->used_bytes() > 0) ASSERT_TRUE(prefixes->Admit(*last));
  EXPECT_EQ(disk_->figures().broken, 0u);
  EXPECT_EQ(disk_->figures().restored_states, 0u);
  EXPECT_FALSE(prefixes->GiveWay());
}

TEST_F(PrefixesTest, WhatIsSlowerThanReadingTheTokensIsLeftAndCounted) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(text_).ok());
  const auto prefixes = Make();
  prompt_seconds_ = 1e-9;
  const auto request = Asking(Longer(text_));
  ASSERT_TRUE(prefixes->Admit(*request));
  EXPECT_FALSE(prefixes->IsReading(request->id()));
  EXPECT_FALSE(request->sequence());
  EXPECT_EQ(request->prefix().disk, DiskOutcome::kSlower);
  EXPECT_EQ(Outcomes(DiskOutcome::kSlower), 1u);
  const auto other = Asking(Tokens(300, 5));
  ASSERT_TRUE(prefixes->Admit(*other));
  EXPECT_EQ(other->prefix().disk, DiskOutcome::kNothing);
}

// A state may have processed a few tokens more than are wanted of it, and so want a page more than
// the request was promised.
TEST_F(PrefixesTest, AStateThatTakesMoreThanWasPromisedIsLeft) {
  ASSERT_TRUE(cache::StoredTexts(path_).Write(Tokens(1930, 7)).ok());
  const auto prefixes = Make();
  const arch::KvLayout layout = cache::Layout();
  const std::uint64_t wanted = layout.fixed_bytes + arch::PagesOf(1930) * layout.page_bytes;
  const auto small = Asking(Tokens(1920, 7), wanted - 1), enough = Asking(Tokens(1920, 7), wanted);
  ASSERT_TRUE(prefixes->Admit(*small));
  EXPECT_FALSE(prefixes->IsReading(small->id()));
  EXPECT_EQ(small->prefix().disk, DiskOutcome::kFailed);
  AdmitWhole(prefixes.get(), enough.get());
  EXPECT_EQ(enough->prefix().from_disk, 1919u);
}

// What is written is what is kept, without a copy: also where every new state takes the place of
// an old one. Behind a restart all of them are there.
TEST_F(PrefixesTest, AFullPoolIsWrittenToo) {
  constexpr std::uint64_t kTexts = 12, kKept = 3;
  const std::uint64_t whole = cache::StateOf(pool_, text_).bytes();
  const arch::KvLayout layout = cache::Layout();
  // No more than is wanted to keep a state of a text that ends.
  const std::uint64_t limit = kKept * whole + layout.fixed_bytes + layout.page_bytes;
  pool_ = std::make_shared<cache::Pool>(layout, limit);
  const auto text = [](std::uint64_t i) { return Tokens(2000, static_cast<int>(10 + i)); };
  {
    const auto prefixes = Make([&] { return limit - pool_->used_bytes(); });
    for (std::uint64_t i = 0; i < kTexts; ++i) {
      while (limit - pool_->used_bytes() < whole) ASSERT_TRUE(prefixes->GiveWay());
      Read(prefixes.get(), text(i));
      EXPECT_LE(pool_->used_bytes(), limit);
      disk_->Finish();
    }
    EXPECT_LE(prefixes->figures().states, kKept);
    EXPECT_GT(prefixes->figures().dropped, 0u);
    EXPECT_EQ(disk_->figures().written.states, kTexts);
    EXPECT_EQ(disk_->figures().written.skipped, 0u);
  }
  const auto prefixes = Make();
  for (std::uint64_t i = 0; i < kTexts; ++i) {
    const auto next = Asking(Longer(text(i)));
    AdmitWhole(prefixes.get(), next.get());
    EXPECT_EQ(next->prefix().from_disk, text_.size()) << i;
  }
}

// A request that wants all memory gets it as soon as the disk has what is being written, and at
// once from what only waits to be.
TEST_F(PrefixesTest, WhatIsWrittenGivesWayWhenItIsWritten) {
  const std::uint64_t limit = 6 * cache::StateOf(pool_, text_).bytes();
  pool_ = std::make_shared<cache::Pool>(cache::Layout(), limit);
  const auto prefixes = Make([&] { return limit - pool_->used_bytes(); });
  const auto large = Asking(Tokens(300, 5), limit);
  {
    io::Database other = cache::Index(path_);
    const io::Transaction writing(other);  // the first state waits for the index
    Read(prefixes.get(), Tokens(2000, 10));
    while (std::filesystem::is_empty(path_ + "/segments")) std::this_thread::yield();
    for (int i = 1; i < 3; ++i) Read(prefixes.get(), Tokens(2000, 10 + i));
    EXPECT_FALSE(prefixes->Admit(*large));  // it is not taken away from who writes it
    EXPECT_EQ(prefixes->figures().states, 1u);
    EXPECT_EQ(disk_->figures().written.skipped, 2u);
  }
  disk_->Finish();
  EXPECT_TRUE(prefixes->Admit(*large));
  EXPECT_EQ(pool_->used_bytes(), 0u);
}

// Where nothing can be kept nothing can be written, which is said.
TEST_F(PrefixesTest, WhatFindsNoMemoryIsCountedAndSaid) {
  const auto prefixes = Make();
  free_bytes_ = 0;
  for (int i = 0; i < 50; ++i) Read(prefixes.get(), Tokens(2000, 10 + i));
  EXPECT_EQ(prefixes->figures().states, 0u);
  EXPECT_EQ(disk_->figures().written.skipped, 50u);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_NE(notes_[0].find("found no memory"), std::string::npos) << notes_[0];
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
  ASSERT_TRUE(prefixes->Admit(*next));
  EXPECT_EQ(next->prefix().cached, text_.size());
  EXPECT_EQ(next->prefix().from_disk, 0u);
  disk_->Finish();
  EXPECT_GT(used(), before);
}

}  // namespace
}  // namespace hadal::engine
