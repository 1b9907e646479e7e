// Multiply-adds of texts whose logits are wanted at every position, as the plan has them: what the
// float64 reference counts as it does them.
#pragma once
#include <cstdint>

#include "cost/accounting.h"
#include "cost/cost_model.h"

namespace hadal::tests {

inline std::uint64_t PlannedMacs(const cost::CostModel& plan, std::uint64_t tokens) {
  std::uint64_t macs = 0;
  for (std::uint64_t n = 1; n <= tokens; ++n) macs += cost::TotalMacs(cost::DecodeMacs(plan, n));
  return macs;
}

// Of the MTP block, beside those.
inline std::uint64_t PlannedMtpMacs(const cost::CostModel& plan, std::uint64_t tokens) {
  std::uint64_t macs = 0;
  for (const cost::WeightGroup& group : plan.weights) {
    // The MTP block's own weights, and the model's head.
    if (group.component == cost::Component::kMtp || group.component == cost::Component::kHead)
      macs += tokens * group.macs;
  }
  for (const cost::KvGroup& group : plan.kv)
    if (group.mtp()) macs += group.layers * group.macs_per_read * group.ReadsOver(0, tokens);
  return macs;
}

}  // namespace hadal::tests
