// Tensors that are read into memory once and stay there, past the page cache: the dense weights of
// a checkpoint whose experts stay on disk.
//
// What lies together in a file is one read; several are under way at a time (read_queue.h). The
// memory is one allocation a file. Spans into it are valid as long as the ResidentTensors.
// Move-only.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/direct_file.h"
#include "io/read_queue.h"

namespace hadal::io {

struct FileTensors {
  std::string path;
  std::vector<FileRange> tensors;  // of the file, in any order; no two overlap
};

struct ReadingOptions {
  std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max();
  std::string most_note = {};  // what the error that they are more says behind that
  ReadTuning tuning = {};
  // Now and then, by the caller's thread. May be empty.
  std::function<void(std::uint64_t done_bytes, std::uint64_t all_bytes)> on_progress = {};
  const std::atomic<bool>* cancel = nullptr;
};

class ResidentTensors {
 public:
  ResidentTensors() = default;
  // kExhausted: they need more than most_bytes, before anything is read, or the system does not
  // give it. kNotFound, kIo, kCorrupt: a file. kCancelled.
  static Result<ResidentTensors> Read(std::vector<FileTensors> files,
                                      const ReadingOptions& options);

  // The bytes of one of files[file].tensors; none: it is not among them.
  std::optional<std::span<const std::byte>> Find(std::size_t file, const FileRange& tensor) const;
  std::uint64_t bytes() const { return bytes_; }  // of memory

 private:
  struct File {
    std::vector<FileRange> runs;  // what is read at once, one behind the other in the memory
    std::map<std::uint64_t, std::span<std::byte>> tensors;  // by their beginning, which is distinct
    DirectBuffer memory;
  };
  static Result<File> Lay(FileTensors of);

  std::vector<File> files_;
  std::uint64_t bytes_ = 0;
};

}  // namespace hadal::io
