// Whole files: read, map, and write so that a kill at any moment leaves the old file or the new
// one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "io/temporary.h"

namespace hadal::io {

// kNotFound, kIo; kExhausted if the file is larger than max_bytes. A pipe is read to its end.
Result<std::string> ReadFile(const std::string& path,
                             std::uint64_t max_bytes = std::uint64_t{1} << 32);

// A file mapped read-only. Move-only; spans into it are valid while it lives. Any thread may read.
// Whoever cuts the file short meanwhile makes reading beyond its new end a SIGBUS, see bus_error.h;
// a file that is replaced by renaming, as AtomicFile does, stays what it was.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::string& path);  // kNotFound, kIo; empty files are fine
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  // Bytes [begin, end) no longer count as this process's memory; who reads them again gets them
  // again.
  void Forget(std::uint64_t begin, std::uint64_t end) const;

 private:
  MappedFile(std::string path, const std::byte* data, std::size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  std::string path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Written under a name of its own beside `path` (temporary.h); Commit() flushes it to disk, puts it
// in place and flushes the folder, which are Flush, Place and FlushFolder, one by one. Destroyed
// without being placed, or where that fails: nothing is left of it, and path is untouched. Of two
// writers of one path the first to place it wins; the other gets kIo.
class AtomicFile {
 public:
  // kIo: a folder, device or pipe is at path; kNotFound, kExhausted: nothing can be made beside it.
  // access: as of Temporary.
  static Result<AtomicFile> Create(const std::string& path, unsigned access = 0666);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // From now on the page cache keeps at most kPassedBytes (page_cache.h) of the file, and nothing
  // once it is flushed: for large ones that are not read soon.
  void ForgetWritten() { forgetting_ = true; }

  Status Write(std::span<const std::byte> bytes);
  Status Write(std::string_view text);
  Status Flush();  // to disk; nothing more is written to it
  Status Place();  // flushed, if it was not; a loss of power may undo it
  Status Commit();

 private:
  AtomicFile(Temporary temporary, int fd) : temporary_(std::move(temporary)), fd_(fd) {}
  Temporary temporary_;
  int fd_;
  bool forgetting_ = false;
  std::uint64_t written_ = 0, forgotten_ = 0;
};

Status WriteFile(const std::string& path, std::string_view text);  // through AtomicFile
Status FlushFolder(const std::string& folder);  // a rename is on disk only once its folder is

}  // namespace hadal::io
