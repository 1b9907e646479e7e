// What is written need not stay in the system's page cache, which a budget for memory has no place
// for.
#pragma once
#include <cstdint>

namespace hadal::io {

// How much of a file that is written and forgotten may be in the page cache.
inline constexpr std::uint64_t kPassedBytes = 16 << 20;

// Bytes [begin, end) of an open file go to disk, and the page cache forgets all in front of `end`.
// False, with errno: the disk had an error, which fsync does not tell again.
bool FlushAndForget(int fd, std::uint64_t begin, std::uint64_t end);

}  // namespace hadal::io
