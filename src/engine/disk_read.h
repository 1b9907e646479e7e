// A state that a thread of its own reads from disk, for a request that waits for it while others go
// on. Its memory is the pool's, of what the request was promised.
#pragma once
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "cache/disk_prefixes.h"
#include "engine/active_request.h"

namespace hadal::engine {

// Of the pool, for the match: the state may have processed a few tokens more than are wanted of it.
std::uint64_t BytesToRead(const cache::DiskPrefixes::Match& match, const cache::Pool& pool);

class DiskRead {
 public:
  // Begins. Where no thread is to be had, Finish reads.
  DiskRead(const ActiveRequest& request, std::shared_ptr<cache::DiskPrefixes> disk,
           cache::DiskPrefixes::Match match, std::shared_ptr<cache::Pool> pool);
  DiskRead(const DiskRead&) = delete;
  DiskRead& operator=(const DiskRead&) = delete;
  ~DiskRead();  // waits for the file that is being read, unless it is done

  RequestId request() const { return request_; }
  std::uint64_t bytes() const { return progress_.bytes; }  // of the pool, so far
  // That it may take still.
  std::uint64_t ahead_bytes() const { return done() ? 0 : most_bytes_ - bytes(); }
  bool done() const { return WaitFor(std::chrono::milliseconds(0)); }  // Finish does not wait
  bool WaitFor(std::chrono::milliseconds longest) const;               // the same, after a while
  // Nobody wants it any more: it is done soon.
  void Leave() { progress_.cancel = left_ = true; }
  bool left() const { return left_; }
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
  const std::uint64_t most_bytes_;
  cache::DiskPrefixes::Match match_;
  std::optional<cache::Sequence> state_;
  bool left_ = false;
  cache::DiskPrefixes::ReadProgress progress_;
  std::future<cache::DiskPrefixes::Reading>
      reading_;  // the last: it uses the others, and goes first
};

}  // namespace hadal::engine
