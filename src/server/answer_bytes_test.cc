#include "server/answer_bytes.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

Generation Asked(std::size_t runs, std::size_t tokens, std::size_t logprobs) {
  Generation generation{.keep_tokens = true, .length_given = false};
  for (std::size_t i = 0; i < runs; ++i) {
    RunRequest run;
    run.engine.stop.max_tokens = tokens;
    run.engine.stop.min_tokens = tokens;
    run.engine.logprobs = logprobs;
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
  streams.streams = true;
  for (Generation* kept : {&given, &streams}) {
    FitAnswers(kMost, kept);
    EXPECT_EQ(kept->runs[0].engine.stop.max_tokens, 60'000u);
  }
}

}  // namespace
}  // namespace hadal::server
