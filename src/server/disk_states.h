// How many states of texts the cache folder holds, for people: counted now and then, since counting
// reads the whole index. Any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "cache/segment_store.h"

namespace hadal::server {

class DiskStates {
 public:
  // The folder is there. kIo, kCorrupt, kInvalid: cache/segment_store.h.
  static Result<std::unique_ptr<DiskStates>> Open(const std::string& folder);

  void Count();  // what cannot be read now stays as it was counted last
  cache::StoreTotals totals() const;

 private:
  explicit DiskStates(cache::SegmentStore store) : store_(std::move(store)) {}

  mutable std::mutex mutex_;  // of the totals
  std::mutex counting_;
  cache::SegmentStore store_;  // of who counts
  cache::StoreTotals totals_;
};

}  // namespace hadal::server
