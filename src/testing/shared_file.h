// Tests only: files of the data that may lie beside the source tree, in ../shared.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <system_error>

namespace hadal::testing {

// The folder's path; nullopt where the data is not there. A file that is then missing in it is a
// fault.
inline std::optional<std::string> SharedFolder(const std::string& name) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");  // set by the build for every test
  if (source == nullptr) return std::nullopt;
  const std::filesystem::path sources = std::filesystem::path(source).lexically_normal();
  const std::filesystem::path folder = sources.parent_path() / "shared" / name;
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) return std::nullopt;
  return folder.string();
}

// The contents; nullopt where the data, or this file of it, is not there.
inline std::optional<std::string> SharedFile(const std::string& name) {
  const std::filesystem::path path = name;
  const std::optional<std::string> folder = SharedFolder(path.parent_path().string());
  if (!folder) return std::nullopt;
  std::ifstream file(std::filesystem::path(*folder) / path.filename(), std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace hadal::testing
