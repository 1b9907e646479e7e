// Tests only: files of the source tree, such as the embedded model.
#pragma once
#include <cstdlib>
#include <string>

namespace hadal::testing {

// Of a path in the tree; HADAL_SOURCE_DIR says where that is, and the build sets it for every test.
inline std::string SourceFile(const std::string& path) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  return std::string(source == nullptr ? "." : source) + "/" + path;
}

inline std::string EmbeddedFolder() { return SourceFile("models/embedded"); }

}  // namespace hadal::testing
