// Numbers as people read them. GB is 10^9 bytes, GiB is 2^30: never mixed in one output.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal {

std::string FormatBytes(std::uint64_t bytes);        // "584 B", "3.69 GB"
std::string FormatBytesBinary(std::uint64_t bytes);  // "584 B", "3.43 GiB"
std::string FormatCount(std::uint64_t n);            // "1,048,576"
std::string FormatDuration(double seconds);          // "0.8 s", "2:05", "1:02:03"

// "4096", "128K" and "1M" (binary: 131072, 1048576), "96GB", "96GiB", "1.5M".
// kInvalid: empty, not a number, negative, unknown suffix, or above 2^63.
Result<std::uint64_t> ParseSize(std::string_view text);

}  // namespace hadal
