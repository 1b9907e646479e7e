// A state that a thread of its own reads from disk, for a request that waits for it while others go
// on. Its memory is the pool's, as of any sequence.
#pragma once
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "cache/disk_prefixes.h"
#include "engine/active_request.h"

namespace hadal::engine {

class DiskRead {
 public:
  // Begins. Where no thread is to be had, Finish reads.
  DiskRead(const ActiveRequest& request, std::shared_ptr<cache::DiskPrefixes> disk,
           cache::DiskPrefixes::Match match, std::shared_ptr<cache::Pool> pool);
  DiskRead(const DiskRead&) = delete;
  DiskRead& operator=(const DiskRead&) = delete;
  ~DiskRead();  // soon: what is not read yet is left

  RequestId request() const { return request_; }
  bool done() const;  // Finish does not wait
  // Waits for the end and says how it was. The thread that the disk's figures belong to; again it
  // does nothing.
  void Finish();
  const cache::DiskPrefixes::Match& match() const { return match_; }  // its outcome, after Finish
  std::optional<cache::Sequence>& state() { return state_; }  // after Finish; none: it failed

 private:
  const RequestId request_;
  const std::shared_ptr<cache::DiskPrefixes> disk_;
  const std::uint64_t scope_;
  const std::vector<std::int32_t> text_;
  cache::DiskPrefixes::Match match_;
  std::optional<cache::Sequence> state_;
  std::atomic<bool> cancel_{false};
  std::future<cache::DiskPrefixes::Reading>
      reading_;  // the last: it uses the others, and goes first
};

}  // namespace hadal::engine
