// Reading memory as fast as the machine can: from start to end of a buffer that caches cannot hold,
// each thread its own part.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/threads.h"

namespace hadal::machine {

class MemoryReader {
 public:
  // At least 4096 bytes, in large pages where the system has them, written once by `threads`.
  // kExhausted: no memory.
  static Result<MemoryReader> Create(std::uint64_t bytes, Threads& threads);

  std::uint64_t bytes() const { return bytes_; }
  double BytesPerSecond(Threads& threads) const;  // of one read of all

 private:
  struct Unmap {
    std::uint64_t bytes = 0;
    void operator()(std::byte* data) const;
  };
  MemoryReader(std::byte* data, std::uint64_t bytes) : data_(data, Unmap{bytes}), bytes_(bytes) {}

  std::unique_ptr<std::byte, Unmap> data_;
  std::uint64_t bytes_;
};

}  // namespace hadal::machine
