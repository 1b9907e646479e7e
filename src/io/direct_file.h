// A file that is read past the page cache, in whole blocks of the disk, at places of its reader's
// choice.
//
// Where the file system has no direct reads, the same reads go through the page cache, which is
// told to drop what was read and to read nothing ahead. Any thread may read. The file may not
// change meanwhile; one that is cut short is an error of the read that misses its bytes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace hadal::io {

// Offsets, lengths and addresses of direct reads are multiples of it: no disk has larger blocks.
inline constexpr std::uint64_t kDiskBlock = 4096;

// Bytes [begin, end) of a file, and the blocks that hold them.
struct FileRange {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t hull_begin() const { return begin / kDiskBlock * kDiskBlock; }
  std::uint64_t hull_end() const { return (end + kDiskBlock - 1) / kDiskBlock * kDiskBlock; }
  std::uint64_t hull_bytes() const { return hull_end() - hull_begin(); }
};

// Reading over a gap takes less time than a read of its own: whether `next`, which begins no
// earlier, was added to the range.
inline bool Joins(const FileRange& next, FileRange* range) {
  constexpr std::uint64_t kSmallGap = std::uint64_t{64} << 10;
  if (next.begin > range->end + kSmallGap) return false;
  range->end = std::max(range->end, next.end);
  return true;
}

class DirectFile {
 public:
  // kNotFound, kIo; kIo too for what is no file. direct: false is for tests and comparisons.
  static Result<DirectFile> Open(const std::string& path, bool direct = true);
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&&) = delete;
  ~DirectFile();

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }  // when it was opened
  bool direct() const { return direct_; }
  int descriptor() const { return fd_; }

  // After a read of these bytes that was not direct: the page cache need not keep them.
  void Forget(std::uint64_t offset, std::uint64_t bytes) const;
  // Whole: [begin, end) into `to`, which has room for the hull and is aligned to kDiskBlock; the
  // first byte then lies at to[begin - hull_begin]. kIo, kCorrupt: names the file and the offset.
  Status Read(const FileRange& range, std::span<std::byte> to) const;

  // The errors of all who read it: of what the system said, and of a file that ended at `end`.
  Error ReadError(std::uint64_t offset, int number) const;
  Error EndsAt(std::uint64_t end, std::uint64_t wanted) const;

 private:
  DirectFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  bool DirectReadsWork() const;

  std::string path_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
  bool direct_ = false;
};

struct Unmap {  // of a DirectBuffer
  std::uint64_t bytes = 0;
  void operator()(std::byte* data) const;
};

// Uninitialised memory that direct reads can go to; aligned to large pages from some megabytes on.
// None of it is resident before it is written. Whole disk blocks of it may be discarded: they are
// the system's then, hold nothing, and may not be used before they are taken again.
class DirectBuffer {
 public:
  DirectBuffer() = default;
  // kExhausted: the system does not give so much; `what` is it for.
  static Result<DirectBuffer> Create(std::uint64_t bytes, const std::string& what);
  std::byte* data() const { return data_.get(); }
  std::uint64_t bytes() const { return bytes_; }
  std::span<std::byte> span() const { return {data_.get(), bytes_}; }
  void Discard(std::uint64_t begin, std::uint64_t bytes) const;
  void Retake(std::uint64_t begin, std::uint64_t bytes) const;

 private:
  std::unique_ptr<std::byte, Unmap> data_;
  std::uint64_t bytes_ = 0;
};

}  // namespace hadal::io
