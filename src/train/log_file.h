// A text file that a run appends lines to and, continued, cuts back to where its last state stood:
// the same bytes whether or not the run was interrupted.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal::train {

// Move-only; closes its file.
class LogFile {
 public:
  // A new file that begins with `header`, in place of one that may be there.
  static Result<LogFile> Create(const std::string& path, std::string_view header);
  // Goes on behind the first `bytes` bytes of `path`, which must be there; the rest is cut off.
  static Result<LogFile> Continue(const std::string& path, std::uint64_t bytes);
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&&) = delete;
  ~LogFile();

  Status Append(std::string_view text);
  // On disk when this returns; the file's size.
  Result<std::uint64_t> Sync();

 private:
  LogFile(std::string path, int fd, std::uint64_t bytes)
      : path_(std::move(path)), fd_(fd), bytes_(bytes) {}
  std::string path_;
  int fd_;
  std::uint64_t bytes_;
};

}  // namespace hadal::train
