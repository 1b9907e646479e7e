#include "model/expert_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.h"

namespace hadal::model {

ExpertScores::ExpertScores(const std::vector<std::size_t>& experts_of) {
  for (const std::size_t experts : experts_of) raw_.emplace_back(experts);
}

bool ExpertScores::Age() {
  constexpr double kMost = 1e100;
  static const double growth = std::exp2(1 / kHalfLife);
  unit_ *= growth;
  if (unit_ < kMost) return false;
  for (auto& layer : raw_)
    for (double& score : layer) score /= unit_;
  unit_ = 1;
  return true;
}

std::vector<std::vector<float>> ExpertScores::Uses() const {
  std::vector<std::vector<float>> uses;
  for (const auto& layer : raw_) {
    auto& of = uses.emplace_back();
    for (const double score : layer) of.push_back(static_cast<float>(InUses(score)));
  }
  return uses;
}

void ExpertScores::Restore(const std::vector<std::vector<float>>& uses) {
  HADAL_CHECK(uses.size() == raw_.size());
  for (std::size_t l = 0; l < uses.size(); ++l) {
    HADAL_CHECK(uses[l].size() == raw_[l].size());
    for (std::size_t e = 0; e < uses[l].size(); ++e)
      raw_[l][e] = static_cast<double>(uses[l][e]) * unit_;
  }
}

std::vector<ExpertId> ExpertScores::Hottest(std::size_t most) const {
  std::vector<ExpertId> ids;
  for (std::uint32_t l = 0; l < raw_.size(); ++l)
    for (std::uint32_t e = 0; e < raw_[l].size(); ++e)
      if (raw_[l][e] > 0) ids.push_back({l, e});
  std::ranges::stable_sort(ids, std::greater{}, [&](ExpertId id) { return Raw(id); });
  ids.resize(std::min(ids.size(), most));
  return ids;
}

}  // namespace hadal::model
