#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace hadal::engine {
namespace {

const std::vector<float> kLogits = {0, std::log(2.f), std::log(4.f), std::log(1.f),
                                    -20};  // 1 2 4 1

std::map<std::int32_t, double> Shares(const SampleOptions& options, int draws = 20000) {
  Sampler sampler(options);
  std::map<std::int32_t, double> shares;
  for (int i = 0; i < draws; ++i) shares[sampler.Pick(kLogits)] += 1.0 / draws;
  return shares;
}

TEST(Sampler, TemperatureZeroIsGreedyAndPrefersTheLowerId) {
  Sampler sampler({.temperature = 0});
  EXPECT_EQ(sampler.Pick(kLogits), 2);
  EXPECT_EQ(sampler.Pick(std::vector<float>{1, 3, 3, 2}), 1);
}

TEST(Sampler, DrawsInProportion) {
  auto shares = Shares({});
  EXPECT_NEAR(shares[0], 1 / 8.0, 0.02);
  EXPECT_NEAR(shares[1], 2 / 8.0, 0.02);
  EXPECT_NEAR(shares[2], 4 / 8.0, 0.02);
  EXPECT_NEAR(Shares({.temperature = 0.5})[2], 16 / 22.0, 0.02);
}

TEST(Sampler, RestrictsTheChoice) {
  EXPECT_EQ(Shares({.top_k = 2}).size(), 2u);
  EXPECT_NEAR(Shares({.top_k = 2})[2], 4 / 6.0, 0.02);
  EXPECT_EQ(Shares({.top_p = 0.5}).size(), 1u);
  EXPECT_EQ(Shares({.top_p = 0.51}).size(), 2u);
  EXPECT_EQ(Shares({.min_p = 0.3}).size(), 2u);
  EXPECT_EQ(Shares({.min_p = 1}).size(), 1u);
}

TEST(Sampler, SameSeedSameTokens) {
  Sampler a({.seed = 7}), b({.seed = 7}), c({.seed = 8});
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const auto token = a.Pick(kLogits);
    EXPECT_EQ(token, b.Pick(kLogits));
    differ += token != c.Pick(kLogits);
  }
  EXPECT_GT(differ, 10);
}

TEST(Sampler, NanLogitsDoNotCrash) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  Sampler sampler({});
  const auto token = sampler.Pick(std::vector<float>{nan, nan});
  EXPECT_TRUE(token == 0 || token == 1);
}

TEST(SampleOptions, AreChecked) {
  EXPECT_TRUE(CheckSampleOptions({}).ok());
  EXPECT_FALSE(CheckSampleOptions({.temperature = -1}).ok());
  EXPECT_FALSE(CheckSampleOptions({.temperature = std::nan("")}).ok());
  EXPECT_FALSE(CheckSampleOptions({.top_p = 0}).ok());
  EXPECT_FALSE(CheckSampleOptions({.min_p = 1.5}).ok());
}

}  // namespace
}  // namespace hadal::engine
