// Tests only: files of the data that may lie beside the source tree, in ../shared.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace hadal::testing {

// The contents; nullopt where the data, or this file of it, is not there.
inline std::optional<std::string> SharedFile(const std::string& name) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");  // set by the build for every test
  if (source == nullptr) return std::nullopt;
  const std::filesystem::path sources = std::filesystem::path(source).lexically_normal();
  std::ifstream file(sources.parent_path() / "shared" / name, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace hadal::testing
