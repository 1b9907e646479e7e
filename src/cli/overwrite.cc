#include "cli/overwrite.h"

#include <filesystem>

namespace hadal::cli {

Status CheckFree(std::span<const std::string> paths, bool force) {
  if (force) return Unit{};
  for (const std::string& path : paths) {
    std::error_code ignored;  // what cannot even be looked at, writing it says
    if (std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
      return Fail(Code::kInvalid, "{}: is there already, expected nothing; --force replaces it",
                  path);
  }
  return Unit{};
}

void AddForce(Command command, bool* force) {
  command.AddFlag("--force", *force, "replace files that are there already");
}

}  // namespace hadal::cli
