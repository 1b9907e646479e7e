// A hint that memory will be read soon: into the second-level cache.
#pragma once
#include <cstddef>
#include <span>

namespace hadal {

inline void Prefetch(std::span<const std::byte> bytes) {
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < bytes.size(); i += kLine) __builtin_prefetch(bytes.data() + i, 0, 2);
}

}  // namespace hadal
