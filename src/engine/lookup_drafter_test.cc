#include "engine/lookup_drafter.h"

#include <gtest/gtest.h>

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
