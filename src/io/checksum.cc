#include "io/checksum.h"

#include <xxhash.h>

namespace hadal::io {

std::uint64_t Checksum(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace hadal::io
