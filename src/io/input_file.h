// A file that is read piece by piece into memory of the reader's own. Move-only; one thread.
//
// Unlike a mapped file (io/file.h), one that is cut short meanwhile is an error like any other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace hadal::io {

class InputFile {
 public:
  static Result<InputFile> Open(
      const std::string& path);  // kNotFound, kIo: no file, or another kind
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  ~InputFile();

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }  // when it was opened
  // All of `out`. kCorrupt: the file has fewer bytes by now. kIo.
  Status Read(std::uint64_t offset, std::span<std::byte> out) const;
  // The system forgets what it holds of these bytes, as far as they were flushed: the next one
  // reads the disk. 0 bytes: to the end.
  void Forget(std::uint64_t offset = 0, std::uint64_t bytes = 0) const;

 private:
  InputFile(std::string path, int fd, std::uint64_t bytes)
      : path_(std::move(path)), fd_(fd), bytes_(bytes) {}
  std::string path_;
  int fd_;
  std::uint64_t bytes_;
};

}  // namespace hadal::io
