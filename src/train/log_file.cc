#include "train/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "io/file.h"
#include "io/system_error.h"

namespace hadal::train {

Result<LogFile> LogFile::Create(const std::string& path, std::string_view header) {
  // Put in place of what may be there: where that is a link, it is not followed.
  HADAL_TRY_STATUS(io::WriteFile(path, header));
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return io::SystemError(path, "open");
  return LogFile(path, fd, header.size());
}

Result<LogFile> LogFile::Continue(const std::string& path, std::uint64_t bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return io::SystemError(path, "open");
  LogFile log(path, fd, bytes);
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) return io::SystemError(path, "continue");
  if (static_cast<std::uint64_t>(size) < bytes)
    return Fail(Code::kCorrupt, "{}: found {} bytes, expected at least the {} that the state names",
                path, size, bytes);
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return io::SystemError(path, "cut");
  return log;
}

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

LogFile::~LogFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status LogFile::Append(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io::SystemError(path_, "write");
    text.remove_prefix(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
  return Unit{};
}

Result<std::uint64_t> LogFile::Sync() {
  if (::fsync(fd_) != 0) return io::SystemError(path_, "flush");
  return bytes_;
}

}  // namespace hadal::train
