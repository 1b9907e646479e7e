#include "io/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "io/checkpoint_files.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 24;

using WeightMap = Checkpoint::WeightMap;

std::string Show(std::string_view name) { return Json(name.substr(0, 200)).Dump(); }

bool Exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Result<std::vector<std::string>> ListShards(const std::string& directory) {
  HADAL_TRY(std::vector<std::string> shards, ListWeightFiles(directory));
  if (!shards.empty()) return shards;
  return Fail(Code::kNotFound, "{}: found no .safetensors file, expected {}, or {} and its shards",
              directory, kSingleFile, kIndexFile);
}

std::string AndMore(std::size_t count) {
  return count == 1 ? "" : fmt::format(" and {} more", count - 1);
}

// Files that look like a part of the model and are none: a line about them, or none.
std::string NoteOfOthers(const std::string& directory, const std::set<std::string>& shards,
                         std::string_view why) {
  const auto files = ListWeightFiles(directory);
  if (!files.ok()) return {};  // what matters has been found
  std::size_t others = 0;
  std::string first;
  for (const std::string& file : *files)
    if (file.starts_with("model") && !shards.contains(file) && others++ == 0) first = file;
  if (others == 0) return {};
  return fmt::format("{}{}: passed over, {}", InFolder(directory, first), AndMore(others), why);
}

// The shards of an index that hold a wanted tensor.
std::set<std::string> WantedShards(const WeightMap& weights,
                                   const std::function<bool(std::string_view)>& wanted) {
  std::set<std::string> shards;
  for (const auto& [name, shard] : weights)
    if (!wanted || wanted(name)) shards.insert(shard);
  return shards;
}

Status CheckShardsAreThere(const std::set<std::string>& shards, const std::string& directory,
                           const std::string& index_path) {
  std::vector<std::string> missing;
  for (const std::string& shard : shards)
    if (!Exists(InFolder(directory, shard))) missing.push_back(shard);
  if (missing.empty()) return Unit{};
  return Fail(Code::kNotFound,
              "{}: {} of the {} files that {} names are missing, the first {}; is the download "
              "complete?",
              directory, missing.size(), shards.size(), index_path, Show(missing[0]));
}

Status CheckIndexFulfilled(const WeightMap& weights, const std::string& index_path,
                           const std::set<std::string>& shards,
                           const std::map<std::string, std::size_t, std::less<>>& file_of) {
  for (const auto& [name, shard] : weights)
    if (shards.contains(shard) && !file_of.contains(name)) {
      return Fail(Code::kNotFound, "{}: tensor {} should be in {}, which does not hold it",
                  index_path, Show(name), Show(shard));
    }
  return Unit{};
}

}  // namespace

Result<Checkpoint> Checkpoint::Open(const std::string& directory,
                                    const std::function<bool(std::string_view)>& wanted) {
  return Open(directory, wanted, true);
}

Result<Checkpoint> Checkpoint::OpenUnmapped(const std::string& directory,
                                            const Residency& residency) {
  HADAL_TRY(Checkpoint checkpoint, Open(directory, {}, false));
  std::vector<FileTensors> wanted;
  for (const SafetensorsFile& file : checkpoint.files_) wanted.push_back({file.path(), {}});
  for (const auto& [name, file] : checkpoint.file_of_) {
    const TensorInfo& info = checkpoint.files_[file].tensors().find(name)->second;
    if (residency.wanted(name, info)) wanted[file].tensors.push_back({info.begin, info.end});
  }
  HADAL_TRY(checkpoint.resident_, ResidentTensors::Read(std::move(wanted), residency.reading));
  return checkpoint;
}

Result<Checkpoint> Checkpoint::Open(const std::string& directory,
                                    const std::function<bool(std::string_view)>& wanted,
                                    bool mapped) {
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return Fail(Code::kNotFound,
                "{}: {}, expected a folder with config.json and .safetensors files", directory,
                Exists(directory) ? "found a file" : "found nothing");
  }
  Checkpoint checkpoint;
  checkpoint.directory_ = directory;
  checkpoint.mapped_ = mapped;
  HADAL_TRY(checkpoint.config_,
            ReadJsonObject(InFolder(directory, "config.json"), kMaxConfigBytes));

  const std::string index_path = InFolder(directory, kIndexFile);
  const bool indexed = Exists(index_path), single = Exists(InFolder(directory, kSingleFile));
  WeightMap weights;
  std::set<std::string> shards;
  std::string note;
  if (indexed) {
    HADAL_TRY(CheckpointIndex index, ReadCheckpointIndex(directory));
    weights = std::move(index.shard_of);
    shards = WantedShards(weights, wanted);
    HADAL_TRY_STATUS(CheckShardsAreThere(shards, directory, index_path));
    note = NoteOfOthers(directory, WantedShards(weights, {}),
                        fmt::format("{} does not name it", kIndexFile));
  } else if (single) {
    shards.insert(std::string(kSingleFile));
    note = NoteOfOthers(directory, shards, fmt::format("{} is the whole model", kSingleFile));
  } else {
    HADAL_TRY(const std::vector<std::string> listed, ListShards(directory));
    shards.insert(listed.begin(), listed.end());
  }
  for (const std::string& shard : shards) {
    const std::string path = InFolder(directory, shard);
    HADAL_TRY(SafetensorsFile file,
              mapped ? SafetensorsFile::Open(path) : SafetensorsFile::OpenHeader(path));
    HADAL_TRY_STATUS(checkpoint.TakeTensors(file, indexed ? &weights : nullptr));
    checkpoint.files_.push_back(std::move(file));
  }
  if (indexed)
    HADAL_TRY_STATUS(CheckIndexFulfilled(weights, index_path, shards, checkpoint.file_of_));
  if (!note.empty()) checkpoint.notes_.push_back(std::move(note));
  return checkpoint;
}

// Of the file that will be files_.back(); with an index only what it places there.
Status Checkpoint::TakeTensors(const SafetensorsFile& file, const WeightMap* index) {
  const std::string shard = fs::path(file.path()).filename().string();
  std::size_t left = 0;
  std::string first;
  for (const auto& [name, info] : file.tensors()) {
    if (index != nullptr) {
      const auto found = index->find(name);
      if (found == index->end() || found->second != shard) {
        if (left++ == 0) first = name;
        continue;
      }
    }
    const auto [place, fresh] = file_of_.emplace(name, files_.size());
    if (fresh) continue;
    return Fail(Code::kCorrupt, "{}: found tensor {}, which is in {} too", file.path(), Show(name),
                files_[place->second].path());
  }
  if (left > 0) {
    notes_.push_back(fmt::format("{}: passed over tensor {}{}, which {} does not place there",
                                 file.path(), Show(first), AndMore(left), kIndexFile));
  }
  return Unit{};
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

const std::string& Checkpoint::StampOf(std::string_view name) const {
  const auto found = file_of_.find(name);
  HADAL_CHECK(found != file_of_.end());
  return files_[found->second].stamp();
}

Result<TensorView> Checkpoint::Find(std::string_view name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end())
    return Fail(Code::kNotFound, "{}: no tensor {}", directory_, Show(name));
  HADAL_TRY(TensorView view, files_[found->second].Find(name));
  if (view.in_memory) return view;
  const TensorInfo& info = files_[found->second].tensors().find(name)->second;
  if (const auto data = resident_.Find(found->second, {info.begin, info.end})) {
    view.data = *data;
    view.in_memory = true;
  }
  return view;
}

std::uint64_t Checkpoint::tensor_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [name, file] : file_of_) {
    const TensorInfo& info = files_[file].tensors().find(name)->second;
    bytes += info.end - info.begin;
  }
  return bytes;
}

}  // namespace hadal::io
