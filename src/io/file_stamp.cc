#include "io/file_stamp.h"

#include <sys/stat.h>

#include "io/system_error.h"

namespace hadal::io {

Result<std::string> FileStamp(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return SystemError(path, "open");
  return fmt::format("{} {} {}.{:09} {}.{:09} {}:{}", path, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec, info.st_ctim.tv_sec, info.st_ctim.tv_nsec, info.st_dev,
                     info.st_ino);
}

}  // namespace hadal::io
