// Checksums of what is on disk: 64 bits of XXH3, which finds damage, not forgery.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace hadal::io {

std::uint64_t Checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0);

}  // namespace hadal::io
