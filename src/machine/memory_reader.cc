#include "machine/memory_reader.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/clock.h"
#include "base/units.h"
#include "kernels/isa.h"
#include "machine/loops.h"

namespace hadal::machine {
namespace {

constexpr std::size_t kBlock = 4096;  // parts of the buffer are multiples of this

std::uint64_t ReadPlain(const std::byte* data, std::size_t bytes) {
  std::uint64_t sums[4] = {};
  for (std::size_t at = 0; at < bytes; at += sizeof(sums)) {
    std::uint64_t words[4];
    std::memcpy(words, data + at, sizeof(words));
    for (std::size_t i = 0; i < 4; ++i) sums[i] ^= words[i];
  }
  return sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
}

using Reader = std::uint64_t (*)(const std::byte*, std::size_t);
Reader BestReader() {
  const auto isas = kernels::RunnableIsas();
  if (std::ranges::find(isas, kernels::Isa::kAvx512) != isas.end()) return avx512::ReadAll;
  return std::ranges::find(isas, kernels::Isa::kAvx2) != isas.end() ? avx2::ReadAll : ReadPlain;
}

// f(part, bytes) for every thread's part.
template <class F>
void ForParts(Threads& threads, std::byte* data, std::uint64_t bytes, F&& f) {
  const std::size_t blocks = bytes / kBlock, count = threads.count();
  threads.Run(count, [&](std::size_t w) {
    const std::size_t begin = blocks * w / count, end = blocks * (w + 1) / count;
    f(data + begin * kBlock, (end - begin) * kBlock);
  });
}

}  // namespace

void MemoryReader::Unmap::operator()(std::byte* data) const { munmap(data, bytes); }

Result<MemoryReader> MemoryReader::Create(std::uint64_t bytes, Threads& threads) {
  bytes = std::max<std::uint64_t>(bytes / kBlock * kBlock, kBlock);
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return Fail(Code::kExhausted, "no memory for a buffer of {} to read", FormatBytes(bytes));
  madvise(data, bytes, MADV_HUGEPAGE);
  MemoryReader reader(static_cast<std::byte*>(data), bytes);
  ForParts(threads, reader.data_.get(), bytes,
           [](std::byte* part, std::size_t size) { std::memset(part, 1, size); });
  return reader;
}

double MemoryReader::BytesPerSecond(Threads& threads) const {
  static std::atomic<std::uint64_t> sink;  // so that no read can be left out
  const Reader reader = BestReader();
  const Stopwatch clock;
  ForParts(threads, data_.get(), bytes_, [&](const std::byte* part, std::size_t size) {
    sink.fetch_add(reader(part, size), std::memory_order_relaxed);
  });
  return static_cast<double>(bytes_) / clock.seconds();
}

}  // namespace hadal::machine
