#include "engine/lookup_drafter.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "engine/constraint.h"

namespace hadal::engine {
namespace {

using Ids = std::vector<std::int32_t>;

Ids Guessed(const Ids& tokens, std::size_t most, std::vector<Guess>* guesses = nullptr) {
  const Sampler sampler({}, {});
  DraftText text{.tokens = tokens,
                 .sequence = nullptr,
                 .first_row = 0,
                 .rows = 1,
                 .most = most,
                 .outlook = Outlook(NextTokens({}, {}, {}), sampler, tokens.size())};
  EXPECT_TRUE(LookupDrafter().Draft({&text, 1}).ok());
  Ids ids;
  for (const Guess& guess : text.guesses) ids.push_back(guess.token);
  if (guesses != nullptr) *guesses = text.guesses;
  return ids;
}

TEST(LookupDrafter, GoesOnAsTheTextDidBefore) {
  EXPECT_EQ(Guessed({1, 2, 3, 4, 5, 9, 1, 2}, 3), (Ids{3, 4, 5}));
  EXPECT_EQ(Guessed({1, 2, 3, 4, 5, 9, 1, 2}, 0), Ids());
}

TEST(LookupDrafter, TakesTheLongestMatchAndOfEqualOnesTheLatest) {
  EXPECT_EQ(Guessed({7, 1, 2, 50, 8, 1, 2, 60, 9, 7, 1, 2}, 1), Ids{50});
  EXPECT_EQ(Guessed({1, 2, 50, 1, 2, 60, 9, 1, 2}, 1), Ids{60});
}

TEST(LookupDrafter, GuessesNothingWithoutAMatch) {
  EXPECT_EQ(Guessed({1, 2, 3, 4, 5}, 4), Ids());
  EXPECT_EQ(Guessed({1, 5, 2, 5}, 4), Ids());  // one token is no match
  EXPECT_EQ(Guessed({1}, 4), Ids());
  EXPECT_EQ(Guessed({}, 4), Ids());
}

TEST(LookupDrafter, ARepetitionGoesOnForEver) {
  EXPECT_EQ(Guessed({4, 5, 6, 5, 6, 5, 6}, 5), (Ids{5, 6, 5, 6, 5}));
}

// The text's first tokens are a match like any other.
TEST(LookupDrafter, LooksAtTheBeginningToo) { EXPECT_EQ(Guessed({1, 2, 3, 1, 2}, 1), Ids{3}); }

// Against a search in the order of its definition, around the blocks that it passes over at once.
TEST(LookupDrafter, FindsWhatASlowSearchFinds) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    Ids tokens(random.Below(300));
    const std::uint64_t kinds = 2 + random.Below(20);
    for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(random.Below(kinds));
    EarlierMatch want;
    for (std::size_t end = tokens.empty() ? 0 : tokens.size() - 1; end > 0; --end) {
      std::size_t length = 0;
      while (length < std::min(end, LookupDrafter::kMost) &&
             tokens[end - 1 - length] == tokens[tokens.size() - 1 - length])
        ++length;
      if (length >= LookupDrafter::kLeast && length > want.length) want = {end, length};
    }
    const EarlierMatch got = FindEarlier(tokens);
    ASSERT_EQ(got.length, want.length) << round;
    ASSERT_EQ(got.end, want.end) << round;
  }
}

TEST(LookupDrafter, LongerMatchesAreStrongerEvidence) {
  std::vector<Guess> guesses;
  Guessed({1, 2, 3, 4, 5, 6, 7, 8, 1, 2}, 6, &guesses);
  ASSERT_EQ(guesses.size(), 6u);
  EXPECT_EQ(guesses[0].evidence, EvidenceOfMatch(2));
  EXPECT_EQ(guesses[5].evidence, EvidenceOfMatch(7));  // if those before it were right
  for (std::size_t length = 2; length < 100; ++length) {
    EXPECT_LE(EvidenceOfMatch(length), EvidenceOfMatch(length + 1));
    EXPECT_LT(EvidenceOfMatch(length + 1), kEvidences);
  }
}

}  // namespace
}  // namespace hadal::engine
