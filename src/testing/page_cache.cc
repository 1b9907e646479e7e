#include "testing/page_cache.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "base/check.h"

namespace hadal::testing {

std::uint64_t CachedBytes(const std::string& path) {
  const auto bytes = static_cast<std::size_t>(std::filesystem::file_size(path));
  if (bytes == 0) return 0;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  HADAL_CHECK(fd >= 0);
  void* data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
  HADAL_CHECK(data != MAP_FAILED);
  const auto page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((bytes + page_bytes - 1) / page_bytes);
  HADAL_CHECK(mincore(data, bytes, pages.data()) == 0);
  munmap(data, bytes);
  close(fd);
  std::uint64_t cached = 0;
  for (const unsigned char page : pages) cached += page_bytes * (page & 1u);
  return cached;
}

bool DropFromCache(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  HADAL_CHECK(fd >= 0);
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
  return CachedBytes(path) == 0;
}

}  // namespace hadal::testing
