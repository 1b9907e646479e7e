#include "cache/prefix_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "cache/filled_sequence_test.h"

namespace hadal::cache {
namespace {

using Tokens = std::vector<std::int32_t>;

Tokens Text(std::size_t tokens, std::int32_t token) { return Tokens(tokens, token); }

class PrefixCacheTest : public ::testing::Test {
 protected:
  explicit PrefixCacheTest(std::uint64_t states = 1000)
      : budget_(states * (Layout().fixed_bytes + 4 * Layout().page_bytes)) {
    Make();
  }
  void Make() {
    cache_ = std::make_unique<PrefixCache>(pool_, [this] {
      return budget_ + reading_ - std::min(budget_ + reading_, pool_->used_bytes());
    });
  }
  void Keep(const Tokens& text, std::uint64_t scope = 0) {
    Sequence sequence = Sequence::Create(pool_).value();
    HADAL_CHECK(sequence.Reserve(text.size()).ok());
    sequence.state().tokens = text.size();
    reading_ = sequence.own_bytes();
    kept_ = cache_->Keep(scope, text, sequence);
    reading_ = 0;
    if (!holds_) kept_.reset();
  }
  PrefixUse Ask(const Tokens& text, std::uint64_t scope = 0) {
    PrefixUse use;
    taken_ = cache_->Take(cache_->Find(scope, text), text, false, &use);
    EXPECT_EQ(use.cached, taken_ ? taken_->tokens() : 0);
    return use;
  }

  std::shared_ptr<Pool> pool_ = std::make_shared<Pool>(Layout());
  std::uint64_t budget_, reading_ = 0;  // bytes; of what is read, besides
  std::unique_ptr<PrefixCache> cache_;
  std::optional<Sequence> taken_;
  bool holds_ = false;
  std::shared_ptr<const Sequence> kept_;
};

TEST_F(PrefixCacheTest, EveryMissHasItsReason) {
  Tokens text = Text(300, 7);
  EXPECT_EQ(Ask(text).miss, PrefixMiss::kNew);
  Keep(text);
  EXPECT_EQ(Ask(text).miss, PrefixMiss::kNone);  // all but the token that is read for its logits
  EXPECT_EQ(taken_->tokens(), 299u);

  Tokens longer = text;
  longer.resize(400, 9);
  PrefixUse use = Ask(longer);
  EXPECT_EQ(use.miss, PrefixMiss::kDiffers);
  EXPECT_EQ(use.known, 300u);
  EXPECT_EQ(use.cached, 300u);

  Tokens edited = text;
  edited[140] = 8;  // farther back than a state can go
  use = Ask(edited);
  EXPECT_EQ(use.miss, PrefixMiss::kNoCheckpoint);
  EXPECT_EQ(use.known, 140u);
  EXPECT_EQ(use.cached, 0u);

  EXPECT_EQ(Ask(text, 1).miss, PrefixMiss::kNew);  // another client's
  ASSERT_TRUE(cache_->DropLeast());
  use = Ask(text);
  EXPECT_EQ(use.miss, PrefixMiss::kDropped);
  EXPECT_EQ(use.known, 256u);

  const PrefixFigures figures = cache_->figures();
  EXPECT_EQ(figures.lookups, 6u);
  EXPECT_EQ(figures.hits, 2u);
  EXPECT_EQ(figures.cached_tokens, 599u);
  EXPECT_EQ(figures.misses[static_cast<std::size_t>(PrefixMiss::kNoCheckpoint)], 1u);
  EXPECT_EQ(figures.misses[static_cast<std::size_t>(PrefixMiss::kDropped)], 1u);
  EXPECT_EQ(figures.misses[static_cast<std::size_t>(PrefixMiss::kNew)], 2u);
}

TEST_F(PrefixCacheTest, AStateCanBeTakenWhole) {
  const Tokens text = Text(300, 7);
  Keep(text);
  const std::uint64_t used = pool_->used_bytes();
  PrefixUse use;
  const auto taken = cache_->Take(cache_->Find(0, text), text, true, &use);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->tokens(), 299u);
  EXPECT_EQ(cache_->figures().states, 0u);
  EXPECT_EQ(pool_->used_bytes(), used);
}

// Guesses of the MTP block were taken back: it cannot go back as far as the layers can. The text's
// beginning is there all the same, and who guesses goes on without the block's part.
TEST_F(PrefixCacheTest, GuessesOfTheMtpBlockCostNoPrefix) {
  for (const bool whole : {false, true}) {
    Make();
    const Tokens text = Text(200, 7);
    Sequence sequence = Filled(pool_, 200, 3);
    ASSERT_TRUE(sequence.Reserve(20).ok());
    sequence.state().mtp_tokens = 215;  // as behind 16 guesses
    ASSERT_TRUE(sequence.Truncate(200, 200).ok());
    cache_->Keep(0, text, sequence);
    Tokens other = text;
    other.resize(190);
    other.resize(250, 9);
    PrefixUse use;
    const auto taken = cache_->Take(cache_->Find(0, other), other, whole, &use);
    ASSERT_TRUE(taken);
    EXPECT_EQ(use.cached, 189u);
    EXPECT_EQ(use.miss, PrefixMiss::kDiffers);
    EXPECT_EQ(taken->state().mtp_tokens, 0u);
    EXPECT_EQ(taken->earliest().mtp_tokens, 0u);
    // Near enough, the block's part stays.
    if (whole) continue;
    Tokens near = text;
    near.resize(250, 9);
    const auto kept = cache_->Take(cache_->Find(0, near), near, whole, &use);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->state().mtp_tokens, 199u);
  }
}

// What all states together hold is what is freed when all go, pages that they share counted once.
TEST_F(PrefixCacheTest, MostFreedIsWhatDroppingAllFrees) {
  Tokens text = Text(300, 7);
  Sequence sequence = Filled(pool_, 300, 3);
  cache_->Keep(0, text, sequence);
  ASSERT_TRUE(sequence.Truncate(290).ok());
  cache_->Keep(0, TokenSpan(text).first(290), sequence);
  const std::uint64_t reading = pool_->used_bytes();
  sequence = Sequence::Create(pool_).value();
  const std::uint64_t without = pool_->used_bytes() - sequence.bytes();
  EXPECT_LT(without, reading);
  EXPECT_EQ(cache_->MostFreed(), without);
  while (cache_->DropLeast()) continue;
  EXPECT_EQ(cache_->MostFreed(), 0u);
  EXPECT_EQ(pool_->used_bytes(), sequence.bytes());
}

TEST_F(PrefixCacheTest, ATextIsKeptOnce) {
  Keep(Text(300, 7));
  const std::uint64_t used = pool_->used_bytes();
  Keep(Text(300, 7));
  Keep(Text(PrefixCache::kLeastTokens - 1, 3));
  EXPECT_EQ(pool_->used_bytes(), used);
  EXPECT_EQ(cache_->figures().states, 1u);
}

class FullPrefixCacheTest : public PrefixCacheTest {
 protected:
  FullPrefixCacheTest() : PrefixCacheTest(3) {}
  std::uint64_t CachedOf(const Tokens& text) {
    return cache_->Find(0, text).usable;  // which counts nothing
  }
};

TEST_F(FullPrefixCacheTest, WhatIsUsedStaysAndWhatIsOldGoes) {
  const Tokens used = Text(400, 1), old = Text(400, 2);
  Keep(used);
  Keep(old);
  for (int i = 0; i < 3; ++i) Ask(used);
  taken_.reset();
  for (std::int32_t other = 3; other < 10; ++other) {
    Keep(Text(400, other));
    Ask(Text(20, 63));  // time goes by
    EXPECT_LE(pool_->used_bytes(), budget_);
  }
  EXPECT_EQ(CachedOf(used), 399u);
  EXPECT_EQ(CachedOf(old), 0u);
  EXPECT_GT(cache_->figures().dropped, 0u);
}

// Of two states whose texts are as long, the one goes that costs less to read again.
TEST_F(FullPrefixCacheTest, WhatIsNearAnotherGoesFirst) {
  Tokens way = Text(400, 1);
  Keep(way);
  way.resize(420, 2);
  Keep(way);
  const Tokens alone = Text(420, 3);
  Keep(alone);
  ASSERT_TRUE(cache_->DropLeast());
  EXPECT_EQ(CachedOf(alone), 419u);
  EXPECT_EQ(CachedOf(way), 400u);
}

TEST_F(FullPrefixCacheTest, NothingMoreValuableGoesForLess) {
  for (std::int32_t i = 1; i <= 3; ++i) Keep(Text(500, i));
  Keep(Text(20, 4));
  EXPECT_EQ(CachedOf(Text(20, 4)), 0u);
  for (std::int32_t i = 1; i <= 3; ++i) EXPECT_EQ(CachedOf(Text(500, i)), 499u) << i;
}

// Who holds a state that is kept, to write it, keeps it from being dropped: nothing would be freed.
TEST_F(PrefixCacheTest, AStateThatIsHeldStays) {
  Keep(Text(200, 8));
  holds_ = true;
  Keep(Text(300, 7));
  ASSERT_NE(kept_, nullptr);
  EXPECT_EQ(kept_->tokens(), 300u);
  EXPECT_TRUE(cache_->DropLeast());
  EXPECT_FALSE(cache_->DropLeast());
  const auto first = kept_;
  Keep(Text(300, 7));
  EXPECT_EQ(kept_, first);
  kept_.reset();
  EXPECT_FALSE(cache_->DropLeast());
}

TEST_F(PrefixCacheTest, AStateThatIsHeldNoMoreGoes) {
  holds_ = true;
  Keep(Text(300, 7));
  kept_.reset();
  EXPECT_TRUE(cache_->DropLeast());
  EXPECT_EQ(pool_->used_bytes(), 0u);
  Keep(Text(10, 7));
  EXPECT_EQ(kept_, nullptr);  // too short
}

// A state whose pages a request reads may be dropped: the request keeps them.
TEST_F(FullPrefixCacheTest, WhatARequestHasTakenOutlivesIt) {
  Sequence read = Filled(pool_, 384, 5);
  const Tokens text = Text(384, 7);
  cache_->Keep(0, text, read);
  Tokens longer = text;
  longer.push_back(3);
  Ask(longer);
  ASSERT_TRUE(taken_ && cache_->DropLeast());
  EXPECT_FALSE(cache_->DropLeast());
  const Sequence same = Filled(pool_, 384, 5);
  EXPECT_TRUE(taken_->state().pages.size() == same.state().pages.size());
  for (std::size_t p = 0; p < same.state().pages.size(); ++p)
    EXPECT_EQ(std::memcmp(taken_->state().pages[p], same.state().pages[p], Layout().page_bytes), 0);
}

}  // namespace
}  // namespace hadal::cache
