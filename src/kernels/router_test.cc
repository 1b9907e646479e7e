#include "kernels/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/test_support.h"
#include "testing/close.h"

namespace hadal::kernels {
namespace {

double Score(float logit) { return std::sqrt(std::log1p(std::exp(double{logit}))); }

TEST(Router, ChoosesTheLargestBiasedAndWeighsTheUnbiased) {
  for (std::size_t experts : {1u, 8u, 256u, 384u})
    for (std::size_t k : {1u, 2u, 6u, 8u}) {
      if (k > experts) continue;
      const std::vector<float> logits = RandomNormals(experts, experts * 10 + k, 2);
      const std::vector<float> bias = RandomNormals(experts, 3, 0.3f);
      std::vector<std::uint32_t> order(experts), ids(k, 999);
      for (std::uint32_t e = 0; e < experts; ++e) order[e] = e;
      std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
        return static_cast<float>(Score(logits[a])) + bias[a] >
               static_cast<float>(Score(logits[b])) + bias[b];
      });
      order.resize(k);
      std::ranges::sort(order);
      std::vector<float> weights(k, kNan);
      RouteByScore(logits, bias, 2.5f, ids, weights);
      EXPECT_EQ(ids, order);
      double sum = 0;
      for (std::uint32_t e : order) sum += Score(logits[e]);
      for (std::size_t i = 0; i < k; ++i)
        EXPECT_NEAR(weights[i], Score(logits[order[i]]) / sum * 2.5, 1e-6);
    }
}

// With ties, infinities and NaN among the logits.
TEST(Router, ChoosesAsTheReferenceWithTheSameBits) {
  Random random(7);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const std::size_t experts = 1 + random.Below(40), k = random.Below(experts + 1);
    std::vector<float> logits(experts), bias(experts);
    for (float& v : logits) v = static_cast<float>(random.Below(5));
    for (float& v : bias) v = static_cast<float>(random.Below(3));
    if (repeat % 4 == 0) logits[random.Below(experts)] = kNan;
    if (repeat % 5 == 0) logits[random.Below(experts)] = -kInf;
    std::vector<std::uint32_t> ids(k), want_ids(k);
    std::vector<float> weights(k), want(k);
    RouteByScore(logits, bias, 1.5f, ids, weights);
    ref::RouteByScore(logits, bias, 1.5f, want_ids, want);
    EXPECT_EQ(ids, want_ids);
    EXPECT_TRUE(testing::SameBits(weights, want));
  }
}

TEST(Router, TiesGoToTheLowerExpert) {
  const std::vector<float> logits(10, 0.5f), bias(10, 0.0f);
  std::vector<std::uint32_t> ids(3);
  std::vector<float> weights(3);
  RouteByScore(logits, bias, 1, ids, weights);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{0, 1, 2}));
}

TEST(Router, GivenExpertsComeBackSortedWithTheirOwnWeights) {
  const std::vector<float> logits = {0, 1, 2, 3, 30, -30};
  std::vector<std::uint32_t> ids = {4, 0, 3};
  std::vector<float> weights(3, kNan);
  RouteGiven(logits, 1.5f, ids, weights);
  EXPECT_EQ(ids, (std::vector<std::uint32_t>{0, 3, 4}));
  const double sum = Score(0) + Score(3) + Score(30);
  EXPECT_NEAR(weights[0], 1.5 * Score(0) / sum, 1e-6);
  EXPECT_NEAR(weights[2], 1.5 * Score(30) / sum, 1e-6);
}

TEST(Router, NanLogitsStillChooseDistinctExperts) {
  std::vector<float> logits(8, kNan);
  const std::vector<float> bias(8, 0.0f);
  logits[5] = 1;
  std::vector<std::uint32_t> ids(4);
  std::vector<float> weights(4);
  RouteByScore(logits, bias, 1, ids, weights);
  EXPECT_TRUE(std::ranges::is_sorted(ids, std::ranges::less_equal{}) ||
              std::ranges::adjacent_find(ids) == ids.end());
  EXPECT_NE(std::ranges::find(ids, 5u), ids.end());
  EXPECT_LT(ids.back(), 8u);
}

}  // namespace
}  // namespace hadal::kernels
