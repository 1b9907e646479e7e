#include "io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "io/page_cache.h"
#include "io/regular_file.h"
#include "io/system_error.h"

namespace hadal::io {
namespace {

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

Error TooLarge(const std::string& path, std::uint64_t found, std::uint64_t max_bytes) {
  return Fail(Code::kExhausted, "{}: found {} or more bytes, expected at most {}", path, found,
              max_bytes);
}

}  // namespace

Status FlushFolder(const std::string& folder) {
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError(folder, "open");
  // Some file systems cannot flush a folder and say so with EINVAL: nothing more can be done there.
  if (fsync(fd.get()) != 0 && errno != EINVAL) return SystemError(folder, "flush");
  return Unit{};
}

Result<std::string> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return SystemError(path, "open");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return SystemError(path, "read its size");
  if (S_ISDIR(info.st_mode)) return Fail(Code::kIo, "{}: found a folder, expected a file", path);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > max_bytes) return TooLarge(path, size, max_bytes);

  // The size is a hint only: files of /proc say 0, and a file may grow while it is read.
  std::string text;
  try {
    std::size_t have = 0;
    text.resize(static_cast<std::size_t>(size) + 1);
    while (true) {
      if (have == text.size()) text.resize(text.size() + std::max<std::size_t>(have / 2, 65536));
      const ssize_t got = read(fd.get(), text.data() + have, text.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SystemError(path, "read");
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
      if (have > max_bytes) return TooLarge(path, have, max_bytes);
    }
    text.resize(have);
  } catch (const std::bad_alloc&) {
    return Fail(Code::kExhausted, "{}: not enough memory to read {} bytes", path, size);
  }
  return text;
}

Result<MappedFile> MappedFile::Open(const std::string& path) {
  // Non-blocking, so that a pipe is refused below rather than waited for.
  const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return SystemError(path, "open");
  HADAL_TRY(const std::uint64_t size, RegularFileBytes(path, fd.get()));
  if (size == 0) return MappedFile(path, nullptr, 0);
  void* data = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (data == MAP_FAILED) return SystemError(path, "map");
  // Weights are read through once a token: with pages of 4 KiB the walks of the page table halve
  // the speed of memory on a virtual machine. Where the file system has no large pages, nothing
  // changes.
  madvise(data, size, MADV_HUGEPAGE);
  return MappedFile(path, static_cast<const std::byte*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::Forget(std::uint64_t begin, std::uint64_t end) const {
  HADAL_CHECK(begin <= end && end <= size_);
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  begin = begin / page * page;
  end = end / page * page;  // the rest of the last page may be wanted next
  if (begin < end) madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      forgetting_(other.forgetting_),
      written_(other.written_),
      forgotten_(other.forgotten_) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) close(fd_);
}

Result<AtomicFile> AtomicFile::Create(const std::string& path, unsigned access) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return Fail(Code::kIo, "{}: found {}, expected a file to write", path,
                S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
  }
  int fd = -1;
  HADAL_TRY(Temporary temporary, Temporary::MakeFile(path, &fd, access));
  return AtomicFile(std::move(temporary), fd);
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  HADAL_CHECK(fd_ >= 0);
  while (!bytes.empty()) {
    const std::size_t most =
        forgetting_ ? std::min<std::size_t>(bytes.size(), kPassedBytes / 2) : bytes.size();
    const ssize_t put = write(fd_, bytes.data(), most);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return SystemError(temporary_.target(), "write it");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    written_ += static_cast<std::uint64_t>(put);
    if (!forgetting_ || written_ - forgotten_ < kPassedBytes / 2) continue;
    if (!FlushAndForget(fd_, forgotten_, written_))
      return SystemError(temporary_.target(), "write it");
    forgotten_ = written_;
  }
  return Unit{};
}

Status AtomicFile::Write(std::string_view text) {
  return Write(std::as_bytes(std::span(text.data(), text.size())));
}

Status AtomicFile::Flush() {
  HADAL_CHECK(fd_ >= 0);
  if (fsync(fd_) != 0) return SystemError(temporary_.target(), "flush it");
  if (forgetting_) posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED);
  // Some file systems say only now that what was written has no room.
  if (close(std::exchange(fd_, -1)) != 0) return SystemError(temporary_.target(), "close it");
  return Unit{};
}

Status AtomicFile::Place() {
  if (fd_ >= 0) HADAL_TRY_STATUS(Flush());
  return temporary_.PutInPlace();
}

Status AtomicFile::Commit() {
  HADAL_TRY_STATUS(Place());
  return FlushFolder(FolderOf(temporary_.target()));
}

Status WriteFile(const std::string& path, std::string_view text) {
  HADAL_TRY(AtomicFile file, AtomicFile::Create(path));
  HADAL_TRY_STATUS(file.Write(text));
  return file.Commit();
}

}  // namespace hadal::io
