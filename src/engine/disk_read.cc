#include "engine/disk_read.h"

#include <utility>

namespace hadal::engine {

std::uint64_t BytesToRead(const cache::DiskPrefixes::Match& match, const cache::Pool& pool) {
  const arch::KvLayout& layout = pool.layout();
  return layout.fixed_bytes + arch::PagesOf(match.state->done.tokens) * layout.page_bytes;
}

DiskRead::DiskRead(const ActiveRequest& request, std::shared_ptr<cache::DiskPrefixes> disk,
                   cache::DiskPrefixes::Match match, std::shared_ptr<cache::Pool> pool)
    : request_(request.id()),
      disk_(std::move(disk)),
      scope_(request.prefix_scope()),
      text_(request.tokens().begin(), request.tokens().end()),
      most_bytes_(BytesToRead(match, *pool)),
      match_(std::move(match)),
      reading_(
          std::async(std::launch::async | std::launch::deferred, [this, pool = std::move(pool)] {
            return disk_->Read(match_, scope_, text_, pool, &progress_);
          })) {}

// The future waits.
DiskRead::~DiskRead() { progress_.cancel = true; }

bool DiskRead::WaitFor(std::chrono::milliseconds longest) const {
  return !reading_.valid() || reading_.wait_for(longest) != std::future_status::timeout;
}

void DiskRead::Finish() {
  if (!reading_.valid()) return;
  auto sequence = disk_->Restored(reading_.get(), match_);
  if (sequence.ok())
    state_ = std::move(*sequence);
  else
    match_.outcome = cache::DiskPrefixes::OutcomeOf(sequence.error());
}

}  // namespace hadal::engine
