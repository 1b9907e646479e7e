#include "server/answer_bytes.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

Generation Asked(std::size_t runs, std::size_t tokens, std::size_t logprobs) {
  Generation generation{.tokens = TokensGo::kIntoAnswer, .length_given = false};
  for (std::size_t i = 0; i < runs; ++i) {
    RunRequest run;
    run.engine.stop.max_tokens = tokens;
    run.engine.stop.min_tokens = tokens;
    run.engine.logprobs = logprobs;
    run.reasons = true;
    generation.runs.push_back(run);
  }
  return generation;
}

TEST(AnswerBytes, ALengthThatNobodyGaveIsMadeToFit) {
  constexpr std::uint64_t kMost = std::uint64_t{16} << 20;
  Generation long_one = Asked(2, 60'000, 5);
  ASSERT_GT(AnswerBytes(long_one), kMost);
  FitAnswers(kMost, &long_one);
  EXPECT_LE(AnswerBytes(long_one), kMost);
  EXPECT_GT(AnswerBytes(long_one), kMost - kMost / 100);
  EXPECT_EQ(long_one.runs[0].engine.stop.max_tokens, long_one.runs[1].engine.stop.max_tokens);
  EXPECT_LE(long_one.runs[0].engine.stop.min_tokens, *long_one.runs[0].engine.stop.max_tokens);
  Generation short_one = Asked(1, 100, 5);
  FitAnswers(kMost, &short_one);
  EXPECT_EQ(short_one.runs[0].engine.stop.max_tokens, 100u);
  Generation given = Asked(2, 60'000, 5), streams = Asked(2, 60'000, 5);
  given.length_given = true;
  streams.tokens = TokensGo::kThrough;
  for (Generation* kept : {&given, &streams}) {
    FitAnswers(kMost, kept);
    EXPECT_EQ(kept->runs[0].engine.stop.max_tokens, 60'000u);
  }
}

// Wherever a length comes from that nobody gave, something of it is left behind the reasoning.
TEST(AnswerBytes, ReasoningHasHalfOfALengthThatNobodyGave) {
  constexpr std::uint64_t kMost = std::uint64_t{16} << 20;
  const auto budget = [](Generation generation) {
    FitAnswers(kMost, &generation);
    return generation.runs[0].reasoning_budget.value_or(0);
  };
  const Generation shortened = Asked(1, 60'000, 5);
  const std::size_t fit = kMost / (kKeptTokenBytes + 6 * kKeptLogprobBytes);
  EXPECT_EQ(budget(shortened), fit / 2);
  Generation of_server = Asked(1, 100, 0);
  EXPECT_EQ(budget(of_server), 0u);  // there is room for all that the context has
  of_server.default_length = true;
  EXPECT_EQ(budget(of_server), 50u);
  of_server.runs[0].reasoning_budget = 99;  // somebody gave that
  EXPECT_EQ(budget(of_server), 99u);
  Generation given = shortened;
  given.length_given = true;
  EXPECT_EQ(budget(given), 0u);
}

}  // namespace
}  // namespace hadal::server
