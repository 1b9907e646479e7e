#include "io/folder.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "io/file.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

Error SystemError(const std::string& path, const char* action, const std::error_code& problem) {
  return Fail(Code::kIo, "{}: cannot {}: {}", path, action, problem.message());
}

std::error_code LastError() { return {errno, std::generic_category()}; }

Status CheckReplaceable(const std::string& path, bool replace) {
  std::error_code problem;
  const fs::file_status status = fs::symlink_status(path, problem);
  if (status.type() == fs::file_type::not_found) return Unit{};
  if (status.type() != fs::file_type::directory)
    return Fail(Code::kInvalid, "{}: found something that is no folder, expected none or a folder",
                path);
  const bool empty = fs::is_empty(path, problem);
  if (problem) return SystemError(path, "list", problem);
  if (empty) return Unit{};
  if (!replace)
    return Fail(Code::kInvalid,
                "{}: found a folder with files in it, expected none or an empty one", path);
  if (!fs::exists(fs::path(path) / "config.json", problem)) {
    return Fail(Code::kInvalid,
                "{}: found a folder without config.json, expected a model's folder to replace",
                path);
  }
  return Unit{};
}

}  // namespace

AtomicFolder::AtomicFolder(std::string path, bool replace)
    : path_(std::move(path)), temporary_(path_ + ".tmp"), replace_(replace) {}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      replace_(other.replace_) {}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

Result<AtomicFolder> AtomicFolder::Create(const std::string& path, bool replace) {
  std::string plain = path;  // "out/" is out
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  HADAL_TRY_STATUS(CheckReplaceable(plain, replace));
  std::error_code problem;
  const std::string temporary = plain + ".tmp";
  fs::remove_all(temporary, problem);
  if (problem) return SystemError(temporary, "remove", problem);
  fs::create_directories(temporary, problem);
  if (problem) return SystemError(temporary, "create", problem);
  return AtomicFolder(std::move(plain), replace);
}

Status AtomicFolder::Commit() {
  HADAL_CHECK(!temporary_.empty());
  HADAL_TRY_STATUS(CheckReplaceable(path_, replace_));
  HADAL_TRY_STATUS(FlushFolder(temporary_));
  std::error_code problem;
  const fs::path parent = fs::absolute(path_, problem).parent_path();
  // Onto nothing, or onto an empty folder, a rename is enough.
  if (std::rename(temporary_.c_str(), path_.c_str()) == 0) {
    temporary_.clear();
    return FlushFolder(parent.string());
  }
  if (errno != ENOTEMPTY && errno != EEXIST) return SystemError(path_, "write", LastError());
  // The two change places in one step; the destructor then removes the old one.
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0)
    return FlushFolder(parent.string());
  // Not every file system can: then in two, and a kill between them leaves both, beside PATH.
  const std::string old = path_ + ".old";
  if (std::rename(path_.c_str(), old.c_str()) != 0)
    return SystemError(path_, "replace", LastError());
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0)
    return SystemError(path_, "write", LastError());
  temporary_ = old;
  return FlushFolder(parent.string());
}

}  // namespace hadal::io
