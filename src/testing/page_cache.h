// What of a file the system's page cache has.
#pragma once
#include <cstdint>
#include <string>

namespace hadal::testing {

std::uint64_t CachedBytes(const std::string& path);  // whole pages
// Flushes the file and lets go of it. False: the system keeps some, as of one in memory.
bool DropFromCache(const std::string& path);

}  // namespace hadal::testing
