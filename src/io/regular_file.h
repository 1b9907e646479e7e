// What every reader of files looks at first.
#pragma once
#include <cstdint>
#include <string>

#include "base/result.h"

namespace hadal::io {

// The size of the file that is open as `fd`. kIo: it is a folder, a device or a pipe.
Result<std::uint64_t> RegularFileBytes(const std::string& path, int fd);

}  // namespace hadal::io
