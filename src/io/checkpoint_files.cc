#include "io/checkpoint_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "io/file.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{1} << 28;
constexpr std::int64_t kMaxTotalBytes = std::int64_t{1} << 60;  // far above any model

std::string Show(std::string_view name) { return Json(name.substr(0, 200)).Dump(); }

bool IsPlainFileName(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of("/\\") == std::string_view::npos && !name.starts_with("..") &&
         name.find('\0') == std::string_view::npos;
}

std::optional<std::uint64_t> TotalBytes(const Json& index) {
  const Json* metadata = index.Find("metadata");
  const Json* size = metadata == nullptr ? nullptr : metadata->Find("total_size");
  const std::int64_t* bytes = size == nullptr ? nullptr : size->AsInt();
  if (bytes == nullptr || *bytes <= 0 || *bytes > kMaxTotalBytes) return {};
  return static_cast<std::uint64_t>(*bytes);
}

}  // namespace

std::string InFolder(const std::string& directory, std::string_view name) {
  return (fs::path(directory) / name).string();
}

std::string NameOfFolder(const std::string& directory) {
  std::error_code ignored;
  const fs::path whole = fs::absolute(directory, ignored).lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Result<Json> ReadJsonObject(const std::string& path, std::uint64_t max_bytes) {
  HADAL_TRY(const std::string text, ReadFile(path, max_bytes));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  return json;
}

Result<CheckpointIndex> ReadCheckpointIndex(const std::string& directory) {
  const std::string path = InFolder(directory, kIndexFile);
  HADAL_TRY(const Json json, ReadJsonObject(path, kMaxIndexBytes));
  const Json* map = json.Find("weight_map");
  if (map == nullptr || map->AsObject() == nullptr) {
    return Fail(Code::kCorrupt, "{}: weight_map: found {}, expected an object", path,
                map == nullptr ? "nothing" : map->KindName());
  }
  CheckpointIndex index{.shard_of = {}, .total_bytes = TotalBytes(json)};
  for (const auto& [name, shard] : *map->AsObject()) {
    if (shard.AsString() == nullptr || !IsPlainFileName(*shard.AsString())) {
      return Fail(Code::kCorrupt,
                  "{}: tensor {}: found shard {}, expected the name of a .safetensors file in the "
                  "same folder",
                  path, Show(name), Show(shard.AsString() ? *shard.AsString() : shard.Dump(-1)));
    }
    index.shard_of.emplace(name, *shard.AsString());
  }
  if (index.shard_of.empty()) return Fail(Code::kCorrupt, "{}: weight_map: found no tensors", path);
  return index;
}

Result<std::vector<std::string>> ListWeightFiles(const std::string& directory) {
  std::vector<std::string> all, model;
  std::error_code problem;
  for (fs::directory_iterator it(directory, problem), end; !problem && it != end;
       it.increment(problem)) {
    const std::string name = it->path().filename().string();
    // macOS writes a file's attributes beside it, as ._NAME, where the disk cannot hold them.
    if (!name.ends_with(kSuffix) || name.starts_with("._")) continue;
    all.push_back(name);
    if (name.starts_with("model")) model.push_back(name);
  }
  if (problem) return Fail(Code::kIo, "{}: cannot list: {}", directory, problem.message());
  if (!model.empty()) all = std::move(model);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace hadal::io
