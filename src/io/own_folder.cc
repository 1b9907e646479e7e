#include "io/own_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "io/system_error.h"

namespace hadal::io {
namespace {

bool Make(const std::string& path) { return mkdir(path.c_str(), 0700) == 0; }

}  // namespace

Status MakeOwnFolder(const std::string& path) {
  std::string folder = path;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (Make(folder)) return Unit{};
  if (errno == ENOENT) {
    std::error_code problem;  // what fails here, fails below
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), problem);
    if (Make(folder)) return Unit{};
  }
  struct stat info {};
  if (errno == EEXIST && stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return Unit{};
  return SystemError(path, "make it a folder");
}

}  // namespace hadal::io
