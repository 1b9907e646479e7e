#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/threads.h"
#include "base/units.h"
#include "machine/measure.h"

namespace hadal::machine {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
constexpr std::size_t kReaders =
    8;  // blocks under way at a time: one alone does not fill an NVMe disk

struct Free {
  void operator()(std::byte* p) const { std::free(p); }
};
using Block = std::unique_ptr<std::byte, Free>;
Block NewBlock() {  // aligned for reads past the page cache
  return Block(static_cast<std::byte*>(std::aligned_alloc(4096, kBlockBytes)));
}

Error SystemError(const std::string& path, const char* action) {
  const int number = errno;
  const Code code = number == ENOENT || number == ENOTDIR                     ? Code::kNotFound
                    : number == ENOSPC || number == EDQUOT || number == EFBIG ? Code::kExhausted
                                                                              : Code::kIo;
  return Fail(code, "{}: cannot {}: {}", path, action, std::strerror(number));
}

// A file of random bytes (disks and their drivers know zeros). It has no name in its folder once it
// is open, so that nothing is left of it however this ends.
class ScratchFile {
 public:
  static Result<ScratchFile> Create(const std::string& folder, std::uint64_t bytes) {
    std::string path = folder + "/hadal-disk-XXXXXX";
    const int fd = mkstemp(path.data());
    if (fd < 0) return SystemError(folder, "write a file in it");
    unlink(path.c_str());
    ScratchFile file(std::move(path), fd);
    const Block block = NewBlock();
    if (block == nullptr) return Fail(Code::kExhausted, "no memory for a block to write");
    Random random(bytes);
    for (std::uint64_t at = 0; at < bytes; at += kBlockBytes) {
      for (std::size_t i = 0; i < kBlockBytes; i += 8) {
        const std::uint64_t word = random.Next();
        std::memcpy(block.get() + i, &word, 8);
      }
      HADAL_TRY_STATUS(file.Write(block.get()));
    }
    if (fsync(fd) != 0) return SystemError(file.path_, "flush");
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);  // for file systems without direct reads
    return file;
  }
  ScratchFile(ScratchFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  ScratchFile& operator=(ScratchFile&&) = delete;
  ~ScratchFile() {
    if (fd_ >= 0) close(fd_);
  }
  const std::string& path() const { return path_; }
  // The same file, opened again; negative where that cannot be, as O_DIRECT on some file systems.
  int Open(int flags) const {
    return open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), flags | O_CLOEXEC);
  }

 private:
  ScratchFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status Write(const std::byte* block) const {
    for (std::size_t put = 0; put < kBlockBytes;) {
      const ssize_t got = write(fd_, block + put, kBlockBytes - put);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SystemError(path_, "write");
      put += static_cast<std::size_t>(got);
    }
    return Unit{};
  }
  std::string path_;
  int fd_;
};

}  // namespace

Result<DiskRate> MeasureDisk(const std::string& folder, std::uint64_t bytes) {
  const std::uint64_t blocks = std::max<std::uint64_t>(bytes / kBlockBytes, 1);
  HADAL_TRY(const ScratchFile file, ScratchFile::Create(folder, blocks * kBlockBytes));
  bool direct = true;
  int fd = file.Open(O_RDONLY | O_DIRECT);
  if (fd < 0) {
    direct = false;
    fd = file.Open(O_RDONLY);
  }
  if (fd < 0) return SystemError(file.path(), "open");
  std::vector<Block> buffers;
  for (std::size_t i = 0; i < kReaders; ++i) buffers.push_back(NewBlock());
  std::atomic<std::uint64_t> next{0};
  std::atomic<int> failed{0};
  Threads threads(kReaders);
  const Stopwatch clock;
  threads.Run(kReaders, [&](std::size_t reader) {
    for (std::uint64_t block = next++; block < blocks && failed == 0; block = next++) {
      const ssize_t got = buffers[reader] == nullptr
                              ? -1
                              : pread(fd, buffers[reader].get(), kBlockBytes,
                                      static_cast<off_t>(block * kBlockBytes));
      if (got != static_cast<ssize_t>(kBlockBytes)) failed = got < 0 ? errno : EIO;
    }
  });
  const double seconds = clock.seconds();
  close(fd);
  if (failed != 0) {
    errno = failed;
    return SystemError(file.path(), "read");
  }
  return DiskRate{folder, blocks * kBlockBytes, direct,
                  static_cast<double>(blocks * kBlockBytes) / seconds};
}

}  // namespace hadal::machine
