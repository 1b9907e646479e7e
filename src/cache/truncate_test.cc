// What going back and checkpoints do to counts and memory; tests/truncate_test.cc has what comes
// after.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "cache/checkpoint.h"
#include "cache/filled_sequence_test.h"

namespace hadal::cache {
namespace {

std::string Refused(const Status& status, Code code = Code::kInvalid) {
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code, code);
  return status.error().what;
}

void ExpectEarliest(const Sequence& sequence, std::uint64_t tokens, std::uint64_t mtp_tokens) {
  EXPECT_EQ(sequence.earliest().tokens, tokens);
  EXPECT_EQ(sequence.earliest().mtp_tokens, mtp_tokens);
}

TEST(Truncate, GoesBackSoFarAndNoFarther) {
  const auto pool = std::make_shared<Pool>(Layout());
  Sequence a = Filled(pool, 1000);
  const Sequence same = a.Fork().value();
  ExpectEarliest(a, 984, 982);
  EXPECT_EQ(Refused(a.Truncate(983)), "back to 983 tokens: expected 984 to 1000");
  EXPECT_EQ(Refused(a.Truncate(1001)), "back to 1001 tokens: expected 984 to 1000");
  EXPECT_EQ(Refused(a.Truncate(990, 981)),
            "back to 981 tokens of the MTP block: expected 982 to 999");
  EXPECT_TRUE(SameState(a, same));
  ExpectEarliest(a, 984, 982);

  ASSERT_TRUE(a.Truncate(990).ok());
  EXPECT_EQ(a.tokens(), 990u);
  EXPECT_EQ(a.state().mtp_tokens, 989u);
  ASSERT_TRUE(a.Truncate(988, 988).ok());
  EXPECT_EQ(a.state().mtp_tokens, 988u);
  // What the tokens beyond wrote over does not come back.
  ExpectEarliest(a, 984, 982);
  a.state().tokens = a.state().mtp_tokens = 999;
  ExpectEarliest(a, 984, 982);
  ExpectEarliest(a.Fork().value(), 984, 982);
  a.state().tokens = a.state().mtp_tokens = 1010;
  ExpectEarliest(a, 994, 993);
  ASSERT_TRUE(a.Truncate(994).ok());
  EXPECT_EQ(a.state().mtp_tokens, 993u);
}

// A block that has not kept up is not concerned.
TEST(Truncate, LeavesAnMtpBlockThatIsBehind) {
  Sequence a = Filled(std::make_shared<Pool>(Layout()), 1000);
  a.state().mtp_tokens = 7;
  ASSERT_TRUE(a.Truncate(984).ok());
  EXPECT_EQ(a.state().mtp_tokens, 7u);
}

TEST(Truncate, ToNothing) {
  const auto pool = std::make_shared<Pool>(Layout());
  for (const std::uint64_t tokens : {0u, 1u, 16u}) {
    Sequence a = Filled(pool, tokens);
    ASSERT_TRUE(a.Truncate(0).ok());
    EXPECT_EQ(a.tokens() + a.state().mtp_tokens + a.state().pages.size(), 0u);
    EXPECT_EQ(pool->used_bytes(), pool->layout().fixed_bytes);
  }
  Sequence a = Filled(pool, 17);
  EXPECT_EQ(Refused(a.Truncate(0)), "back to 0 tokens: expected 1 to 17");
}

TEST(Truncate, CopiesAPageThatOthersHoldAndGivesBackTheRest) {
  const auto pool = std::make_shared<Pool>(Layout());
  Sequence a = Filled(pool, 3 * 128 + 4);
  ASSERT_TRUE(a.Reserve(500).ok());
  Sequence b = a.Fork().value();
  const std::byte* shared = a.state().pages[2];
  ASSERT_EQ(b.state().pages[2], shared);

  ASSERT_TRUE(b.Truncate(3 * 128 - 2).ok());
  ASSERT_EQ(b.state().pages.size(), 3u);
  EXPECT_NE(b.state().pages[2], shared);
  EXPECT_EQ(std::memcmp(b.state().pages[2], shared, pool->layout().page_bytes), 0);
  EXPECT_EQ(b.state().pages[1], a.state().pages[1]);
  // Alone with it now.
  ASSERT_TRUE(a.Truncate(3 * 128 - 3).ok());
  EXPECT_EQ(a.state().pages[2], shared);
  EXPECT_EQ(a.state().pages.size(), 3u);
  EXPECT_EQ(pool->used_bytes(), 2 * pool->layout().fixed_bytes + 4 * pool->layout().page_bytes);
}

TEST(Truncate, ToAPagesEndCopiesNothing) {
  const auto pool = std::make_shared<Pool>(Layout());
  const Sequence a = Filled(pool, 260);
  Sequence b = a.Fork().value();
  ASSERT_TRUE(b.Truncate(256).ok());
  EXPECT_EQ(b.state().pages.size(), 2u);
  EXPECT_EQ(b.state().pages[1], a.state().pages[1]);
}

TEST(Truncate, WithoutMemoryForTheCopyChangesNothing) {
  const arch::KvLayout layout = Layout();
  const auto pool = std::make_shared<Pool>(layout, 2 * layout.fixed_bytes + 3 * layout.page_bytes);
  const Sequence a = Filled(pool, 130);
  Sequence b = a.Fork().value();
  EXPECT_NE(Refused(b.Truncate(127), Code::kExhausted), "");
  EXPECT_TRUE(SameState(a, b));
  EXPECT_EQ(b.state().pages[0], a.state().pages[0]);
  ExpectEarliest(b, 114, 112);
}

TEST(Checkpoint, HoldsAFixedBlockAndSharesThePages) {
  const auto pool = std::make_shared<Pool>(Layout());
  std::optional<Sequence> a = Filled(pool, 256);
  const std::uint64_t before = pool->used_bytes();
  const auto checkpoint = Checkpoint::Take(*a);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(checkpoint->tokens(), 256u);
  EXPECT_EQ(pool->used_bytes() - before, pool->layout().fixed_bytes);
  EXPECT_EQ(checkpoint->bytes(), a->bytes());
  Sequence b = checkpoint->Restore().value(), c = checkpoint->Restore().value();
  EXPECT_EQ(pool->used_bytes() - before, 3 * pool->layout().fixed_bytes);
  EXPECT_TRUE(SameState(*a, b));
  // What one of them does to its state, or that it goes away, the others do not see.
  b.state().fixed[0] ^= std::byte{1};
  EXPECT_TRUE(SameState(*a, c));
  ASSERT_TRUE(c.Truncate(255, 255).ok());
  EXPECT_NE(c.state().pages[1], a->state().pages[1]);
  ExpectEarliest(c, 240, 238);
  a.reset();
  EXPECT_EQ(checkpoint->Restore()->tokens(), 256u);
}

TEST(Checkpoint, IsTakenAtAPagesEndAndWithinTheBudget) {
  const arch::KvLayout layout = Layout();
  const auto pool = std::make_shared<Pool>(layout, layout.fixed_bytes + 2 * layout.page_bytes);
  Sequence a = Filled(pool, 200);
  const auto between = Checkpoint::Take(a);
  ASSERT_FALSE(between.ok());
  EXPECT_EQ(between.error().code, Code::kInvalid);
  EXPECT_EQ(between.error().what,
            "checkpoint at 200 tokens: expected the end of a page, 128 or 256");
  a.state().tokens = 256;
  const auto refused = Checkpoint::Take(a);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kExhausted);
  EXPECT_EQ(pool->used_bytes(), pool->budget_bytes());
}

}  // namespace
}  // namespace hadal::cache
