#include "io/page_cache.h"

#include <fcntl.h>

#include <cerrno>

namespace hadal::io {

bool FlushAndForget(int fd, std::uint64_t begin, std::uint64_t end) {
  constexpr unsigned kAll =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  const auto first = static_cast<off_t>(begin), bytes = static_cast<off_t>(end - begin);
  // What is not on disk cannot be dropped. Whatever forbids flushing a part is no reason to fail;
  // the disk's own errors are: Linux tells them once for an open file, so that fsync would succeed.
  if (sync_file_range(fd, first, bytes, kAll) != 0 &&
      (errno == EIO || errno == ENOSPC || errno == EDQUOT))
    return false;
  posix_fadvise(fd, 0, first + bytes, POSIX_FADV_DONTNEED);
  return true;
}

}  // namespace hadal::io
