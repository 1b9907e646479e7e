// One trainer at a time in a run's folder: two would write each other's log and remove each other's
// states.
#pragma once
#include <string>

#include "base/result.h"

namespace hadal::train {

// Held while it lives, however the program ends. Move-only.
class RunLock {
 public:
  // kInvalid: another trainer has it. Where the file system knows no locks, nothing is locked.
  static Result<RunLock> Take(const std::string& directory);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&&) = delete;
  ~RunLock();

 private:
  explicit RunLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace hadal::train
