#include "engine/disk_read.h"

#include <chrono>
#include <utility>

namespace hadal::engine {

DiskRead::DiskRead(const ActiveRequest& request, std::shared_ptr<cache::DiskPrefixes> disk,
                   cache::DiskPrefixes::Match match, std::shared_ptr<cache::Pool> pool)
    : request_(request.id()),
      disk_(std::move(disk)),
      scope_(request.prefix_scope()),
      text_(request.tokens().begin(), request.tokens().end()),
      match_(std::move(match)),
      reading_(
          std::async(std::launch::async | std::launch::deferred, [this, pool = std::move(pool)] {
            return disk_->Read(match_, scope_, text_, pool, &cancel_);
          })) {}

// The future waits.
DiskRead::~DiskRead() { cancel_ = true; }

bool DiskRead::done() const {
  return !reading_.valid() ||
         reading_.wait_for(std::chrono::seconds(0)) != std::future_status::timeout;
}

void DiskRead::Finish() {
  if (!reading_.valid()) return;
  auto sequence = disk_->Restored(reading_.get(), match_, scope_, text_);
  if (sequence.ok())
    state_ = std::move(*sequence);
  else
    match_.outcome = cache::DiskPrefixes::OutcomeOf(sequence.error());
}

}  // namespace hadal::engine
