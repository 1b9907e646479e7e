#include "io/folder.h"

#include <filesystem>
#include <system_error>

#include "base/quote.h"
#include "io/file.h"
#include "io/system_error.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

// What somebody else put there is not ours to remove.
Status CheckOnlyModelFiles(const std::string& path) {
  std::error_code problem;
  for (fs::directory_iterator entry(path, problem), end; entry != end && !problem;
       entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    const bool ours = entry->symlink_status().type() == fs::file_type::regular &&
                      (name.ends_with(".json") || name.ends_with(".safetensors"));
    if (!ours)
      return Fail(Code::kInvalid, "{}: found {} in it, expected nothing but a model's files", path,
                  Quote(name));
  }
  if (problem) return Fail(Code::kIo, "{}: cannot list it: {}", path, problem.message());
  return Unit{};
}

Status CheckReplaceable(const std::string& path, bool replace) {
  std::error_code problem;
  const fs::file_status status = fs::symlink_status(path, problem);
  if (status.type() == fs::file_type::not_found) return Unit{};
  if (status.type() != fs::file_type::directory)
    return Fail(Code::kInvalid, "{}: found something that is no folder, expected none or a folder",
                path);
  const bool empty = fs::is_empty(path, problem);
  if (problem) return Fail(Code::kIo, "{}: cannot list it: {}", path, problem.message());
  if (empty) return Unit{};
  if (!replace)
    return Fail(Code::kInvalid,
                "{}: found a folder with files in it, expected none or an empty one", path);
  if (!fs::exists(fs::path(path) / "config.json", problem)) {
    return Fail(Code::kInvalid,
                "{}: found a folder without config.json, expected a model's folder to replace",
                path);
  }
  return CheckOnlyModelFiles(path);
}

}  // namespace

Status MakeFolder(const std::string& path) {
  std::error_code problem;
  fs::create_directories(path, problem);
  if (problem) return Fail(Code::kIo, "{}: cannot be made: {}", path, problem.message());
  return Unit{};
}

Result<AtomicFolder> AtomicFolder::Create(const std::string& path, bool replace) {
  std::string plain = path;  // "out/" is out
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  const std::string name = fs::path(plain).filename().string();
  if (name.empty() || name == "." || name == "..")
    return Fail(Code::kInvalid, "{}: expected the name of a folder to write", Quote(path));
  HADAL_TRY_STATUS(CheckReplaceable(plain, replace));
  HADAL_TRY_STATUS(MakeFolder(FolderOf(plain)));
  HADAL_TRY(Temporary temporary, Temporary::MakeFolder(plain, replace));
  return AtomicFolder(std::move(temporary), replace);
}

Status AtomicFolder::Commit() {
  HADAL_CHECK(!temporary_.path().empty());
  HADAL_TRY_STATUS(CheckReplaceable(temporary_.target(), replace_));
  HADAL_TRY_STATUS(FlushFolder(temporary_.path()));
  HADAL_TRY_STATUS(temporary_.PutInPlace());
  return FlushFolder(FolderOf(temporary_.target()));
}

}  // namespace hadal::io
