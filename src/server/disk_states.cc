#include "server/disk_states.h"

#include <utility>

namespace hadal::server {

Result<std::unique_ptr<DiskStates>> DiskStates::Open(const std::string& folder) {
  HADAL_TRY(cache::SegmentStore store, cache::SegmentStore::Open(folder, false, nullptr));
  auto states = std::unique_ptr<DiskStates>(new DiskStates(std::move(store)));
  states->Count();
  return states;
}

void DiskStates::Count() {
  const std::unique_lock counting(counting_, std::try_to_lock);
  if (!counting) return;
  const Result<cache::StoreTotals> totals = store_.Totals();
  if (!totals.ok()) return;
  const std::lock_guard lock(mutex_);
  totals_ = *totals;
}

cache::StoreTotals DiskStates::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace hadal::server
