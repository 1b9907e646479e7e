#include "io/folder.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/quote.h"
#include "io/checkpoint_files.h"
#include "io/file.h"
#include "io/system_error.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

// model.safetensors, model-00001-of-00002.safetensors
bool IsShardName(std::string_view name) {
  constexpr std::string_view kBefore = "model", kBehind = ".safetensors";
  if (!name.starts_with(kBefore) || !name.ends_with(kBehind)) return false;
  name.remove_prefix(kBefore.size());
  name.remove_suffix(kBehind.size());
  return name.find_first_not_of("-of0123456789") == name.npos;
}

// What this program itself keeps beside weights: digests, profiles of experts.
bool IsKeptBeside(std::string_view name) {
  return name.starts_with("hadal-") && name.ends_with(".json");
}

bool IsModelsName(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "config.json",           "generation_config.json",  kIndexFile, "tokenizer.json",
      "tokenizer_config.json", "special_tokens_map.json", "LICENSE"};
  return IsShardName(name) || IsKeptBeside(name) ||
         std::ranges::find(kNames, name) != std::end(kNames);
}

// What somebody else put there is not ours to remove.
Status CheckOnlyModelFiles(const std::string& path) {
  std::error_code problem;
  for (fs::directory_iterator entry(path, problem), end; entry != end && !problem;
       entry.increment(problem)) {
    const std::string name = entry->path().filename().string();
    if (entry->symlink_status().type() != fs::file_type::regular || !IsModelsName(name))
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

Result<OutFolder> OutFolder::Make(const std::string& path) {
  OutFolder folder;
  fs::path missing = fs::path(path).lexically_normal();
  if (!missing.has_filename()) missing = missing.parent_path();  // "out/" is out
  std::error_code problem;
  for (; !missing.empty() && !fs::exists(missing, problem); missing = missing.parent_path())
    folder.made_.push_back(missing.string());
  HADAL_TRY_STATUS(MakeFolder(path));
  return folder;
}

OutFolder::~OutFolder() {
  std::error_code ignored;
  for (const std::string& path : made_)
    if (!fs::remove(path, ignored)) return;  // there is something in it
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
