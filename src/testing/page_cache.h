// What of a file the system's page cache has.
#pragma once
#include <cstdint>
#include <string>

namespace hadal::testing {

std::uint64_t CachedBytes(const std::string& path);  // whole pages of 4 KiB
// Flushes the file and lets go of it. False: this file system keeps it, as one in memory does.
bool DropFromCache(const std::string& path);

}  // namespace hadal::testing
