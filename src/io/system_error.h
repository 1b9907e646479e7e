// What the operating system refused, as an Error.
#pragma once
#include <string>

#include "base/result.h"

namespace hadal::io {

// "PATH: cannot ACTION: No space left on device", of the present errno. kNotFound; kExhausted: a
// full disk, a quota, a limit on file sizes; kIo.
Error SystemError(const std::string& path, const char* action);

std::string FolderOf(const std::string& path);  // "a/b" is in "a", "b" in ".", "/b" in "/"

}  // namespace hadal::io
