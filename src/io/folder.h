// A folder of files that appears whole or not at all: its files are written to PATH.tmp beside it, and
// Commit() puts that in PATH's place. Destroyed without Commit: PATH is untouched and PATH.tmp is gone.
#pragma once
#include <string>

#include "base/result.h"

namespace hadal::io {

class AtomicFolder {
 public:
  // PATH must not exist, or be an empty folder; or, with `replace`, a folder that holds config.json,
  // which Commit then removes with all that is in it. kInvalid otherwise. What an earlier, killed
  // writer left in PATH.tmp is removed.
  static Result<AtomicFolder> Create(const std::string& path, bool replace);
  AtomicFolder(AtomicFolder&& other) noexcept;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder();

  // Where to write the file `name` until Commit.
  std::string File(const std::string& name) const { return temporary_ + "/" + name; }
  Status Commit();

 private:
  AtomicFolder(std::string path, bool replace);
  std::string path_, temporary_;  // temporary_ is empty once there is nothing to remove
  bool replace_;
};

}  // namespace hadal::io
