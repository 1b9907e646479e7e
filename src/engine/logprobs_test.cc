#include "engine/logprobs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hadal::engine {
namespace {

TEST(Logprobs, AreTheSoftmaxOfTheLogits) {
  // Shares 1 2 4 1 of 8, whatever is added to all of them.
  const std::vector<float> logits = {100, 100 + std::log(2.f), 100 + std::log(4.f), 100};
  const Logprobs p = LogprobsOf(logits, 1, 3);
  EXPECT_EQ(p.chosen.id, 1);
  EXPECT_NEAR(p.chosen.logprob, std::log(2 / 8.0), 1e-5);
  ASSERT_EQ(p.top.size(), 3u);
  EXPECT_EQ(p.top[0].id, 2);
  EXPECT_NEAR(p.top[0].logprob, std::log(4 / 8.0), 1e-5);
  EXPECT_EQ(p.top[1].id, 1);
  EXPECT_EQ(p.top[2].id, 0);  // of equals the lower id
  EXPECT_NEAR(p.top[2].logprob, std::log(1 / 8.0), 1e-5);
  EXPECT_TRUE(LogprobsOf(logits, 1, 0).top.empty());
  EXPECT_EQ(LogprobsOf(logits, 1, 9).top.size(), 4u);
}

}  // namespace
}  // namespace hadal::engine
