#include "io/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSingle = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";
constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 24;

// What an index says: tensor name -> shard's file name.
using WeightMap = std::map<std::string, std::string, std::less<>>;

std::string Join(const std::string& directory, std::string_view name) {
  return (fs::path(directory) / name).string();
}

std::string Show(std::string_view name) { return Json(name.substr(0, 200)).Dump(); }

Result<Json> ReadJsonObject(const std::string& path, std::uint64_t max_bytes) {
  HADAL_TRY(const std::string text, ReadFile(path, max_bytes));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  return json;
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// A shard lies in the checkpoint's own folder, whatever an index from the network says.
bool IsPlainFileName(std::string_view name) {
  return name.size() > kSuffix.size() && name.ends_with(kSuffix) &&
         name.find_first_of("/\\") == std::string_view::npos && !name.starts_with("..") &&
         name.find('\0') == std::string_view::npos;
}

Result<WeightMap> ReadIndex(const std::string& path) {
  HADAL_TRY(const Json json, ReadJsonObject(path, std::uint64_t{1} << 28));
  const Json* map = json.Find("weight_map");
  if (map == nullptr || map->AsObject() == nullptr) {
    return Fail(Code::kCorrupt, "{}: weight_map: found {}, expected an object", path,
                map == nullptr ? "nothing" : map->KindName());
  }
  WeightMap weights;
  for (const auto& [name, shard] : *map->AsObject()) {
    if (shard.AsString() == nullptr || !IsPlainFileName(*shard.AsString())) {
      return Fail(Code::kCorrupt,
                  "{}: tensor {}: found shard {}, expected the name of a .safetensors file in the "
                  "same folder",
                  path, Show(name), Show(shard.AsString() ? *shard.AsString() : shard.Dump(-1)));
    }
    weights.emplace(name, *shard.AsString());
  }
  if (weights.empty()) return Fail(Code::kCorrupt, "{}: weight_map: found no tensors", path);
  return weights;
}

// Every *.safetensors of the folder, in order; only the model*.safetensors among them if there are
// any, because other files of tensors may lie beside a model.
Result<std::vector<std::string>> ListShards(const std::string& directory) {
  std::vector<std::string> all, model;
  std::error_code problem;
  for (fs::directory_iterator it(directory, problem), end; !problem && it != end;
       it.increment(problem)) {
    const std::string name = it->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    all.push_back(name);
    if (name.starts_with("model")) model.push_back(name);
  }
  if (problem) return Fail(Code::kIo, "{}: cannot list: {}", directory, problem.message());
  if (!model.empty()) all = std::move(model);
  if (all.empty()) {
    return Fail(Code::kNotFound,
                "{}: found no .safetensors file, expected {}, or {} and its shards", directory,
                kSingle, kIndex);
  }
  std::sort(all.begin(), all.end());
  return all;
}

Status CheckAgainstIndex(const WeightMap& weights, const std::string& index_path,
                         const std::vector<SafetensorsFile>& files) {
  for (const SafetensorsFile& file : files) {
    const std::string shard = fs::path(file.path()).filename().string();
    for (const auto& [name, info] : file.tensors()) {
      const auto found = weights.find(name);
      if (found != weights.end() && found->second == shard) continue;
      return Fail(Code::kCorrupt, "{}: found tensor {}, which {} {}", file.path(), Show(name),
                  index_path,
                  found == weights.end() ? "does not name" : "places in " + Show(found->second));
    }
  }
  return Unit{};
}

Status CheckIndexFulfilled(const WeightMap& weights, const std::string& index_path,
                           const std::map<std::string, std::size_t, std::less<>>& file_of) {
  for (const auto& [name, shard] : weights)
    if (!file_of.contains(name)) {
      return Fail(Code::kNotFound, "{}: tensor {} should be in {}, which does not hold it",
                  index_path, Show(name), Show(shard));
    }
  return Unit{};
}

}  // namespace

Result<Checkpoint> Checkpoint::Open(const std::string& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return Fail(Code::kNotFound,
                "{}: {}, expected a folder with config.json and .safetensors files", directory,
                Exists(directory) ? "found a file" : "found nothing");
  }
  Checkpoint checkpoint;
  checkpoint.directory_ = directory;
  HADAL_TRY(checkpoint.config_, ReadJsonObject(Join(directory, "config.json"), kMaxConfigBytes));

  const std::string index_path = Join(directory, kIndex);
  const bool indexed = Exists(index_path), single = Exists(Join(directory, kSingle));
  WeightMap weights;
  std::set<std::string> shards;
  if (indexed) {
    HADAL_TRY(weights, ReadIndex(index_path));
    for (const auto& [name, shard] : weights) shards.insert(shard);
    if (single && !shards.contains(std::string(kSingle))) {
      return Fail(Code::kCorrupt, "{}: found both {} and {}, which does not name it; remove one",
                  directory, kSingle, kIndex);
    }
  } else if (single) {
    shards.insert(std::string(kSingle));
  } else {
    HADAL_TRY(const std::vector<std::string> listed, ListShards(directory));
    shards.insert(listed.begin(), listed.end());
  }

  for (const std::string& shard : shards) {
    HADAL_TRY(SafetensorsFile file, SafetensorsFile::Open(Join(directory, shard)));
    for (const auto& [name, info] : file.tensors()) {
      const auto [place, fresh] = checkpoint.file_of_.emplace(name, checkpoint.files_.size());
      if (fresh) continue;
      return Fail(Code::kCorrupt, "{}: found tensor {}, which is in {} too", file.path(),
                  Show(name), checkpoint.files_[place->second].path());
    }
    checkpoint.files_.push_back(std::move(file));
  }
  if (indexed) {
    HADAL_TRY_STATUS(CheckAgainstIndex(weights, index_path, checkpoint.files_));
    HADAL_TRY_STATUS(CheckIndexFulfilled(weights, index_path, checkpoint.file_of_));
  }
  return checkpoint;
}

std::vector<std::string> Checkpoint::Names() const {
  std::vector<std::string> names;
  names.reserve(file_of_.size());
  for (const auto& [name, file] : file_of_) names.push_back(name);
  return names;
}

const TensorInfo* Checkpoint::Info(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) return nullptr;
  return &files_[found->second].tensors().find(name)->second;
}

const std::string& Checkpoint::FileOf(std::string_view name) const {
  const auto found = file_of_.find(name);
  HADAL_CHECK(found != file_of_.end());
  return files_[found->second].path();
}

Result<TensorView> Checkpoint::Find(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end())
    return Fail(Code::kNotFound, "{}: no tensor {}", directory_, Show(name));
  return files_[found->second].Find(name);
}

std::uint64_t Checkpoint::tensor_bytes() const {
  std::uint64_t bytes = 0;
  for (const SafetensorsFile& file : files_)
    for (const auto& [name, info] : file.tensors()) bytes += info.end - info.begin;
  return bytes;
}

}  // namespace hadal::io
