#include "engine/outlook.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

constexpr std::int32_t kEnd[] = {1};

Outlook Make(const Sampler& sampler, const ConstraintOptions& constraint,
             const StopOptions& stop = {}) {
  return Outlook(NextTokens(constraint, stop, kEnd), sampler, 5);
}

TEST(Outlook, TakesOnlyWhatMayComeAndEndsNothing) {
  const Sampler sampler({}, {});
  SampleScratch scratch;
  Outlook free = Make(sampler, {});
  EXPECT_TRUE(free.Take(3, &scratch));
  EXPECT_FALSE(free.Take(1, &scratch));  // an end: no row behind it is ever asked for
  StopOptions stop;
  stop.token_ids = {4};
  EXPECT_FALSE(Make(sampler, {}, stop).Take(4, &scratch));
  stop.ignore_eos = true;
  EXPECT_TRUE(Make(sampler, {}, stop).Take(1, &scratch));
}

TEST(Outlook, WalksAlongWithTheConstraint) {
  const Sampler sampler({}, {});
  SampleScratch scratch;
  // One token of anything, then the one that is waited for, then anything.
  Outlook outlook = Make(sampler, {.after = 7, .after_within = 1});
  EXPECT_TRUE(outlook.Take(3, &scratch));
  EXPECT_FALSE(outlook.Take(3, &scratch));
  EXPECT_TRUE(outlook.Take(7, &scratch));
  EXPECT_TRUE(outlook.Take(3, &scratch));
}

TEST(Outlook, DrawsWhatTheTextWould) {
  SampleOptions options{.temperature = 1, .seed = 3};
  options.logit_bias = {{2, -100}};
  const Sampler sampler(options, {});
  SampleScratch scratch;
  const std::vector<float> logits = {0.5f, 1.0f, 3.0f, 0.2f, 0.9f, 0.1f, 0.4f, 0.3f};
  for (std::int32_t step = 0; step < 4; ++step) {
    Outlook outlook = Make(sampler, {}, {.ignore_eos = true});
    for (std::int32_t i = 0; i < step; ++i) ASSERT_TRUE(outlook.Take(3, &scratch));
    const auto choice = outlook.Draw(logits, &scratch);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->token,
              sampler.Pick(logits, 5 + static_cast<std::uint64_t>(step), {}, &scratch).value());
    EXPECT_NE(choice->token, 2);
    EXPECT_GT(choice->probability, 0);
    EXPECT_LT(choice->probability, 1);
  }
  Outlook only_seven = Make(sampler, {.after = 7, .after_within = 0});
  EXPECT_EQ(only_seven.Draw(logits, &scratch)->token, 7);
}

}  // namespace
}  // namespace hadal::engine
