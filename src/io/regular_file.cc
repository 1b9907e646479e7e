#include "io/regular_file.h"

#include <sys/stat.h>

#include "io/system_error.h"

namespace hadal::io {

Result<std::uint64_t> RegularFileBytes(const std::string& path, int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return SystemError(path, "read its size");
  if (S_ISREG(info.st_mode)) return static_cast<std::uint64_t>(info.st_size);
  return Fail(Code::kIo, "{}: found {}, expected a file", path,
              S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
}

}  // namespace hadal::io
