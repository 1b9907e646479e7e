#include "io/own_folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "io/system_error.h"

namespace hadal::io {

Status MakeOwnFolder(const std::string& path) {
  std::error_code problem;  // what fails here, fails below
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), problem);
  if (mkdir(path.c_str(), 0700) == 0) return Unit{};
  struct stat info {};
  if (errno == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return Unit{};
  return SystemError(path, "make it a folder");
}

}  // namespace hadal::io
