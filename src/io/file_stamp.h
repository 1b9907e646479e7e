// What tells, without reading it, that a file is the one that it was.
#pragma once
#include <string>

#include "base/result.h"

namespace hadal::io {

// Path, size, times of change, device and inode, in a line. kNotFound, kIo.
Result<std::string> FileStamp(const std::string& path);

}  // namespace hadal::io
