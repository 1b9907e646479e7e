#include "convert/expert_skew.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace hadal::convert {

ExpertSkew::ExpertSkew(double skew, std::size_t experts, std::uint64_t key)
    : skew_(skew), ranks_(experts) {
  std::iota(ranks_.begin(), ranks_.end(), 1);
  Random random(key);
  for (std::size_t i = experts; i > 1; --i) std::swap(ranks_[i - 1], ranks_[random.Below(i)]);
  std::vector<double> shares;
  double sum = 0;
  for (const std::size_t rank : ranks_) {
    shares.push_back(std::pow(static_cast<double>(rank), -skew));
    sum += shares.back();
  }
  double below = 0;
  for (const double share : shares) {
    below += share / sum;
    cumulative_.push_back(below);
  }
  cumulative_.back() = 1;
}

float ExpertSkew::Bias(std::size_t expert, double score_deviation) const {
  // Gumbel noise of scale b has a standard deviation of b pi / sqrt(6).
  const double scale = score_deviation * std::sqrt(6.0) / std::numbers::pi;
  return static_cast<float>(-skew_ * scale * std::log(static_cast<double>(ranks_[expert])));
}

std::size_t ExpertSkew::Draw(Random& random) const {
  const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), random.Uniform());
  return static_cast<std::size_t>(found - cumulative_.begin());
}

}  // namespace hadal::convert
