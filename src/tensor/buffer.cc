#include "tensor/buffer.h"

#include <new>

#include <sys/mman.h>

namespace hadal {

void* TryAllocateBuffer(std::size_t bytes) {
  constexpr std::size_t kLine = 64, kLargePage = std::size_t{2} << 20;
  const bool large = bytes >= 2 * kLargePage;
  const std::size_t lines = bytes == 0 ? 1 : (bytes + kLine - 1) / kLine;
  void* data = nullptr;
  if (posix_memalign(&data, large ? kLargePage : kLine, lines * kLine) != 0) return nullptr;
  if (large) madvise(data, lines * kLine, MADV_HUGEPAGE);  // a hint: what fails changes nothing
  return data;
}

void* AllocateBuffer(std::size_t bytes) {
  void* data = TryAllocateBuffer(bytes);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

}  // namespace hadal
