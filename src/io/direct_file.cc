#include "io/direct_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/units.h"
#include "io/regular_file.h"
#include "io/system_error.h"

namespace hadal::io {

Result<DirectFile> DirectFile::Open(const std::string& path, bool direct) {
  // Non-blocking, so that a pipe is refused below rather than waited for.
  const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  int fd = direct ? open(path.c_str(), flags | O_DIRECT) : -1;
  if (fd < 0) {
    direct = false;
    fd = open(path.c_str(), flags);
  }
  if (fd < 0) return SystemError(path, "open");
  DirectFile file(path, fd);
  HADAL_TRY(file.bytes_, RegularFileBytes(path, fd));
  file.direct_ = direct && file.DirectReadsWork();
  // Reads wait from here on: io_uring would give up those that cannot be answered at once.
  if (fcntl(fd, F_SETFL, file.direct_ ? O_DIRECT : 0) != 0) return SystemError(path, "open");
  if (!file.direct_) posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  return file;
}

// Some file systems open a file for direct reads and then refuse each of them.
bool DirectFile::DirectReadsWork() const {
  const auto block = DirectBuffer::Create(kDiskBlock, "a block");
  return block.ok() && pread(fd_, block->data(), kDiskBlock, 0) >= 0;
}

DirectFile::DirectFile(DirectFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      direct_(other.direct_) {}

DirectFile::~DirectFile() {
  if (fd_ >= 0) close(fd_);
}

void DirectFile::Forget(std::uint64_t offset, std::uint64_t bytes) const {
  if (!direct_)
    posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
}

Status DirectFile::Read(const FileRange& range, std::span<std::byte> to) const {
  HADAL_CHECK(to.size() >= range.hull_bytes());
  const std::uint64_t begin = range.hull_begin();
  for (std::uint64_t at = begin; at < range.end;) {
    const ssize_t got =
        pread(fd_, to.data() + (at - begin), range.hull_end() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ReadError(at, errno);
    const std::uint64_t reached = at + static_cast<std::uint64_t>(got);
    if (reached < range.end && reached / kDiskBlock * kDiskBlock == at)
      return EndsAt(reached, range.end);
    at = reached < range.end ? reached / kDiskBlock * kDiskBlock : reached;
  }
  Forget(begin, range.hull_bytes());
  return Unit{};
}

Error DirectFile::ReadError(std::uint64_t offset, int number) const {
  return Fail(Code::kIo, "{}: cannot read at byte {}: {}", path_, offset, std::strerror(number));
}

Error DirectFile::EndsAt(std::uint64_t end, std::uint64_t wanted) const {
  return Fail(Code::kCorrupt,
              "{}: found its end at byte {}, expected {} bytes at least; was it cut short while it "
              "was read?",
              path_, end, wanted);
}

namespace {

constexpr std::uint64_t kLargePage = std::uint64_t{2} << 20;

bool IsLarge(std::uint64_t bytes) { return bytes >= 2 * kLargePage; }

}  // namespace

void Unmap::operator()(std::byte* data) const { munmap(data, bytes); }

Result<DirectBuffer> DirectBuffer::Create(std::uint64_t bytes, const std::string& what) {
  const bool large = IsLarge(bytes);
  // Whole large pages, so that none is shared with what is not in this buffer.
  const std::uint64_t unit = large ? kLargePage : kDiskBlock;
  const std::uint64_t room = (bytes + unit - 1) / unit * unit, most = room + (large ? unit : 0);
  DirectBuffer buffer;
  if (bytes == 0) return buffer;
  void* mapped = most < bytes ? MAP_FAILED
                              : mmap(nullptr, most, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    return Fail(Code::kExhausted, "no memory for {}: {}", what, FormatBytes(bytes));
  auto* begin = static_cast<std::byte*>(mapped);
  const std::uint64_t front = (unit - reinterpret_cast<std::uintptr_t>(begin) % unit) % unit;
  if (front > 0) munmap(begin, front);
  if (most - front > room) munmap(begin + front + room, most - front - room);
  if (large) madvise(begin + front, room, MADV_HUGEPAGE);  // a hint
  buffer.data_ = std::unique_ptr<std::byte, Unmap>(begin + front, Unmap{room});
  buffer.bytes_ = bytes;
  return buffer;
}

// Without the first call a large page that a neighbour begins would bring its part back.
void DirectBuffer::Discard(std::uint64_t begin, std::uint64_t bytes) const {
  if (IsLarge(bytes_)) madvise(data_.get() + begin, bytes, MADV_NOHUGEPAGE);
  madvise(data_.get() + begin, bytes, MADV_DONTNEED);
}

void DirectBuffer::Retake(std::uint64_t begin, std::uint64_t bytes) const {
  if (IsLarge(bytes_)) madvise(data_.get() + begin, bytes, MADV_HUGEPAGE);
}

}  // namespace hadal::io
