#include "plan/expert_profile.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "model/expert_profile.h"

namespace hadal::plan {

double ExpertProfile::HitsOf(double kept) const {
  const double count = kept * static_cast<double>(uses.size());
  const auto whole = std::min(static_cast<std::size_t>(count), uses.size());
  double hit =
      std::accumulate(uses.begin(), uses.begin() + static_cast<std::ptrdiff_t>(whole), 0.0);
  if (whole < uses.size()) hit += (count - std::floor(count)) * uses[whole];
  return hit / std::accumulate(uses.begin(), uses.end(), 0.0);
}

Result<ExpertProfile> ReadProfile(const std::string& path, const cost::CostModel& model) {
  HADAL_TRY(const model::ExpertUses layers, model::ReadExpertUses(path));
  ExpertProfile profile;
  for (const std::vector<float>& layer : layers) {
    if (!layer.empty() && layer.size() != model.experts)
      return Fail(Code::kInvalid, "{}: uses: found {} experts of a layer, expected {} as {} has",
                  path, layer.size(), model.experts, model.name);
    profile.uses.insert(profile.uses.end(), layer.begin(), layer.end());
  }
  std::ranges::sort(profile.uses, std::greater<>());
  if (profile.uses.empty() || profile.uses[0] == 0)
    return Fail(Code::kInvalid, "{}: uses: found none, expected those of a run", path);
  return profile;
}

}  // namespace hadal::plan
