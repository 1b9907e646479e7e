#include "engine/expert_loan.h"

#include <cmath>
#include <utility>

#include "base/check.h"
#include "base/free_memory.h"

namespace hadal::engine {

ExpertLoan::ExpertLoan(model::DiskExperts& experts, std::shared_ptr<cache::Pool> pool)
    : experts_(experts), pool_(std::move(pool)), slot_bytes_(experts.figures().slot_bytes) {
  HADAL_CHECK(pool_->used_bytes() == 0 && experts_.lent_bytes() <= pool_->budget_bytes());
  pool_->set_budget_bytes(pool_->budget_bytes() - experts_.lent_bytes());
}

// What was never read from disk costs nothing that is known.
std::optional<double> ExpertLoan::LeastWorth() const {
  const std::optional<double> uses = experts_.LeastUses();
  if (!uses) return {};
  const model::DiskExpertFigures figures = experts_.figures();
  if (figures.read_bytes == 0) return 0;
  return *uses * figures.busy_seconds / static_cast<double>(figures.read_bytes);
}

double ExpertLoan::Worth(double seconds, double likelihood, std::uint64_t bytes) const {
  return seconds * likelihood * recent_lookups_ / static_cast<double>(bytes);
}

bool ExpertLoan::GiveBack() {
  if (!experts_.GiveBack()) return false;
  pool_->set_budget_bytes(pool_->budget_bytes() + slot_bytes_);
  return true;
}

// What states have left is the system's before experts have it.
void ExpertLoan::Take(std::size_t slots) {
  HADAL_CHECK(pool_->budget_bytes() >= pool_->used_bytes() + slots * slot_bytes_);
  pool_->set_budget_bytes(pool_->budget_bytes() - slots * slot_bytes_);
  ReturnFreeMemory();
  experts_.TakeMore(slots);
}

void ExpertLoan::PassEnded() {
  static const double kept = std::exp2(-1 / model::ExpertScores::kHalfLife);
  recent_lookups_ *= kept;
  const std::uint64_t replaced = experts_.figures().replaced;
  short_ = replaced > replaced_;
  replaced_ = replaced;
}

}  // namespace hadal::engine
