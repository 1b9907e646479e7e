// A folder for its owner's eyes alone.
#pragma once
#include <string>

#include "base/result.h"

namespace hadal::io {

// Made with those above it if it is not there; one that is there keeps its mode. kIo, kNotFound: it
// cannot be made, or something else has its name.
Status MakeOwnFolder(const std::string& path);

}  // namespace hadal::io
