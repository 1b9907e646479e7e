#include "convert/expert_skew.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace hadal::convert {
namespace {

constexpr std::size_t kExperts = 32;
constexpr int kDraws = 100'000;

std::vector<float> Biases(const ExpertSkew& law) {  // fall with the rank
  std::vector<float> biases;
  for (std::size_t expert = 0; expert < kExperts; ++expert) biases.push_back(law.Bias(expert, 1));
  return biases;
}

TEST(ExpertSkew, DrawsByZipfsLaw) {
  for (const double skew : {0.0, 0.7, 2.0}) {
    const ExpertSkew law(skew, kExperts, 5);
    Random random(1);
    std::vector<int> counts(kExperts);
    for (int i = 0; i < kDraws; ++i) ++counts[law.Draw(random)];
    std::sort(counts.rbegin(), counts.rend());
    double sum = 0;
    for (std::size_t rank = 1; rank <= kExperts; ++rank) sum += std::pow(rank, -skew);
    for (std::size_t rank = 1; rank <= kExperts; ++rank)
      EXPECT_NEAR(counts[rank - 1] / static_cast<double>(kDraws), std::pow(rank, -skew) / sum,
                  0.006)
          << skew << " " << rank;
  }
}

// The most likely expert is another one in another layer.
TEST(ExpertSkew, RanksAreInARandomOrder) {
  std::set<std::size_t> hottest;
  for (std::uint64_t key = 0; key < 20; ++key) {
    const std::vector<float> biases = Biases(ExpertSkew(1, kExperts, key));
    hottest.insert(
        static_cast<std::size_t>(std::max_element(biases.begin(), biases.end()) - biases.begin()));
  }
  EXPECT_GT(hottest.size(), 8u);
}

// The share of all choices of six experts that fall on the eight of the lowest ranks.
template <class Choose>
double ShareOfTheHot(const ExpertSkew& law, Choose choose) {
  std::vector<float> biases = Biases(law);
  std::nth_element(biases.begin(), biases.begin() + 8, biases.end(), std::greater<>());
  int hot = 0;
  constexpr int kTimes = 5'000;
  for (int i = 0; i < kTimes; ++i)
    for (const std::size_t expert : choose()) hot += law.Bias(expert, 1) > biases[8] ? 1 : 0;
  return hot / (6.0 * kTimes);
}

// What a router does, the top six of scores with noise, and what a table of tokens does, six draws
// without replacement, are nearly the same; a router's noise is normal and not Gumbel's.
TEST(ExpertSkew, BiasedScoresChooseAsTheLawDraws) {
  const ExpertSkew law(1, kExperts, 3);
  Random random(2);
  const double routed = ShareOfTheHot(law, [&] {
    std::vector<std::pair<double, std::size_t>> scores;
    for (std::size_t expert = 0; expert < kExperts; ++expert)
      scores.emplace_back(0.4 * random.Normal() + law.Bias(expert, 0.4), expert);
    std::partial_sort(scores.begin(), scores.begin() + 6, scores.end(), std::greater<>());
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < 6; ++i) chosen.push_back(scores[i].second);
    return chosen;
  });
  const double drawn = ShareOfTheHot(law, [&] {
    std::set<std::size_t> chosen;
    while (chosen.size() < 6) chosen.insert(law.Draw(random));
    return chosen;
  });
  EXPECT_GT(drawn, 0.5);  // 0.25 if even
  EXPECT_NEAR(routed, drawn, 0.08);
}

}  // namespace
}  // namespace hadal::convert
