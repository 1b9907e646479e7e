// The choice of groups, then of experts, against all choices written out.
#include "kernels/grouped_router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace hadal::kernels {
namespace {

struct Choice {
  std::vector<std::uint32_t> ids;
  std::vector<float> weights;
};

Choice Route(const std::vector<float>& logits, const std::vector<float>& bias, ExpertGroups groups,
             std::size_t k) {
  Choice choice{std::vector<std::uint32_t>(k, 999), std::vector<float>(k, NAN)};
  RouteByGroups(logits, bias, groups, 2.5f, choice.ids, choice.weights);
  return choice;
}

TEST(RouteByGroups, IsTheDefinition) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + random.Below(6), size = 1 + random.Below(5);
    const std::size_t kept = 1 + random.Below(n), k = 1 + random.Below(kept * size);
    std::vector<float> logits(n * size), bias(n * size), biased(n * size);
    for (std::size_t e = 0; e < logits.size(); ++e) {
      logits[e] = static_cast<float>(random.Normal());
      bias[e] = static_cast<float>(-0.9 + 0.3 * random.Normal());
      biased[e] = static_cast<float>(1 / (1 + std::exp(-double{logits[e]}))) + bias[e];
    }
    std::vector<std::pair<double, std::size_t>> groups;
    for (std::size_t g = 0; g < n; ++g) {
      const auto begin = biased.begin() + static_cast<std::ptrdiff_t>(g * size);
      std::vector<float> own(begin, begin + static_cast<std::ptrdiff_t>(size));
      std::sort(own.rbegin(), own.rend());
      groups.emplace_back(-(double{own[0]} + (size > 1 ? double{own[1]} : 0)), g);
    }
    std::ranges::sort(groups);
    std::vector<std::pair<float, std::uint32_t>> experts;
    for (std::size_t i = 0; i < kept; ++i)
      for (std::size_t e = groups[i].second * size; e < (groups[i].second + 1) * size; ++e)
        experts.emplace_back(-biased[e], static_cast<std::uint32_t>(e));
    std::ranges::sort(experts);
    std::vector<std::uint32_t> want;
    for (std::size_t i = 0; i < k; ++i) want.push_back(experts[i].second);
    std::ranges::sort(want);
    const Choice got = Route(logits, bias, {n, kept}, k);
    EXPECT_EQ(got.ids, want);
    Choice defined{std::vector<std::uint32_t>(k), std::vector<float>(k)};
    ref::RouteByGroups(logits, bias, {n, kept}, 2.5f, defined.ids, defined.weights);
    EXPECT_EQ(got.ids, defined.ids);
    EXPECT_EQ(got.weights, defined.weights);
    double sum = 0;
    const auto score = [&](std::uint32_t e) {
      return static_cast<float>(1 / (1 + std::exp(-double{logits[e]})));
    };
    for (const std::uint32_t e : want) sum += score(e);
    for (std::size_t i = 0; i < k; ++i)
      EXPECT_EQ(got.weights[i], static_cast<float>(score(want[i]) / sum * 2.5)) << i;
    EXPECT_NEAR(std::accumulate(got.weights.begin(), got.weights.end(), 0.0), 2.5, 1e-6);
  }
}

// All biased scores are negative: experts of groups that are left out must not win with a zero.
TEST(RouteByGroups, ExcludedGroupsAreWorseThanAnyScore) {
  const Choice got = Route({0, 0, 5, 5}, {-9, -9, -20, -20}, {2, 1}, 2);
  EXPECT_EQ(got.ids, (std::vector<std::uint32_t>{0, 1}));
}

TEST(RouteByGroups, EqualScoresGoToTheLowerAndNanToNobody) {
  EXPECT_EQ(Route({1, 1, 1, 1}, {0, 0, 0, 0}, {2, 1}, 1).ids, (std::vector<std::uint32_t>{0}));
  const Choice got = Route({NAN, 1, 1, 1}, {0, 0, 0, 0}, {1, 1}, 2);
  EXPECT_EQ(got.ids, (std::vector<std::uint32_t>{1, 2}));
  // As many as V3.2 has, two better ones among equals: the lowest of the others stay.
  std::vector<float> logits(256, 0.5f);
  logits[100] = logits[120] = 1;
  EXPECT_EQ(Route(logits, std::vector<float>(256), {8, 4}, 8).ids,
            (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 100, 120}));
}

TEST(RouteByGroups, RowsAreTheirOwn) {
  constexpr std::size_t kRows = 5, kExperts = 12, kChosen = 3;
  Random random(4);
  std::vector<float> logits(kRows * kExperts), bias(kExperts), weights(kRows * kChosen, NAN);
  for (float& v : logits) v = static_cast<float>(random.Normal());
  std::vector<std::uint32_t> ids(kRows * kChosen, 999);
  Threads threads(2);
  RouteByGroups({logits.data(), kRows, kExperts}, bias, {4, 2}, 2.5f, {ids.data(), kRows, kChosen},
                {weights.data(), kRows, kChosen}, threads);
  for (std::size_t t = 0; t < kRows; ++t) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(t * kExperts);
    const Choice want = Route({row, row + kExperts}, bias, {4, 2}, kChosen);
    for (std::size_t i = 0; i < kChosen; ++i) {
      EXPECT_EQ(ids[t * kChosen + i], want.ids[i]) << t;
      EXPECT_EQ(weights[t * kChosen + i], want.weights[i]) << t;
    }
  }
}

}  // namespace
}  // namespace hadal::kernels
