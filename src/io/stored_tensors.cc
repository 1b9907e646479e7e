#include "io/stored_tensors.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "base/foreign_file.h"
#include "base/json.h"
#include "base/quote.h"
#include "io/checkpoint_files.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the same bound as the reference reader's
// Far above any model's, and low enough that no sum of them overflows.
constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 40;

// "model-00001-of-00046.safetensors": 46; 0 where a name does not say.
std::size_t ShardsByName(std::string_view name) {
  name.remove_suffix(kSuffix.size());
  const std::size_t of = name.rfind("-of-");
  std::size_t count = 0;
  if (of == std::string_view::npos) return 0;
  std::from_chars(name.data() + of + 4, name.data() + name.size(), count);
  return count;
}

// What an incomplete download left in the file's place, if anything.
Status CheckNotForeign(std::ifstream& file, const std::string& path) {
  std::string start(4096, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  file.clear();
  file.seekg(0);
  const std::string foreign = ForeignFile(start);
  if (foreign.empty()) return Unit{};
  return Fail(Code::kCorrupt, "{}: found {}", path, foreign);
}

Result<std::string> ReadHeader(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  HADAL_TRY_STATUS(CheckNotForeign(file, path));
  std::uint64_t length = 0;
  unsigned char bytes[8] = {};
  if (!file.read(reinterpret_cast<char*>(bytes), sizeof bytes))
    return Fail(Code::kCorrupt, "{}: expected a safetensors file", path);
  for (std::size_t i = 0; i < sizeof bytes; ++i) length |= std::uint64_t{bytes[i]} << (8 * i);
  if (length > kMaxHeaderBytes)
    return Fail(Code::kCorrupt,
                "{}: found a header of {} bytes, expected at most {}: no safetensors file?", path,
                length, kMaxHeaderBytes);
  std::string text(length, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(length)))
    return Fail(Code::kCorrupt, "{}: found an end within its header; was it cut short?", path);
  return text;
}

Status AddShard(const std::string& path, const std::string& shard, const CheckpointIndex& index,
                StoredTensors* stored) {
  HADAL_TRY(const std::string text, ReadHeader(path));
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  for (const auto& [name, entry] : *json->AsObject()) {
    if (name == "__metadata__") continue;
    const auto named = index.shard_of.find(name);
    if (!index.shard_of.empty() && (named == index.shard_of.end() || named->second != shard))
      continue;  // a second copy, or one that the index leaves out
    const Json* dtype = entry.Find("dtype");
    const Json* offsets = entry.Find("data_offsets");
    const Json::Array* ends = offsets == nullptr ? nullptr : offsets->AsArray();
    const bool good = dtype != nullptr && dtype->AsString() != nullptr && ends != nullptr &&
                      ends->size() == 2 && (*ends)[0].AsInt() != nullptr &&
                      (*ends)[1].AsInt() != nullptr && *(*ends)[0].AsInt() >= 0 &&
                      *(*ends)[1].AsInt() >= *(*ends)[0].AsInt();
    if (!good)
      return Fail(Code::kCorrupt, "{}: tensor {}: expected dtype and data_offsets", path,
                  Quote(name));
    const std::int64_t bytes = *(*ends)[1].AsInt() - *(*ends)[0].AsInt();
    if (bytes > kMaxTensorBytes)
      return Fail(Code::kCorrupt, "{}: tensor {}: found {} bytes, expected at most {}", path,
                  Quote(name), bytes, kMaxTensorBytes);
    stored->tensors.insert_or_assign(
        name, StoredTensor{*dtype->AsString(), static_cast<std::uint64_t>(bytes)});
  }
  return Unit{};
}

}  // namespace

std::uint64_t StoredTensors::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors) sum += tensor.bytes;
  return sum;
}

Result<std::optional<StoredTensors>> ListStoredTensors(const std::string& directory) {
  CheckpointIndex index;
  std::set<std::string> shards;
  std::error_code ignored;
  const bool indexed = fs::exists(InFolder(directory, kIndexFile), ignored);
  if (indexed) {
    HADAL_TRY(index, ReadCheckpointIndex(directory));
    for (const auto& [name, shard] : index.shard_of) shards.insert(shard);
  } else if (fs::exists(InFolder(directory, kSingleFile), ignored)) {
    shards.emplace(kSingleFile);  // alone, it is the whole model
  } else if (const auto files = ListWeightFiles(directory); files.ok()) {
    shards.insert(files->begin(), files->end());
  }
  if (shards.empty()) return std::optional<StoredTensors>();
  StoredTensors stored;
  stored.total_bytes = index.total_bytes;
  stored.shards = shards.size();
  for (const std::string& shard : shards) {
    if (!indexed) stored.shards = std::max(stored.shards, ShardsByName(shard));
    const std::string path = InFolder(directory, shard);
    if (!fs::exists(path, ignored)) continue;
    HADAL_TRY_STATUS(AddShard(path, shard, index, &stored));
    ++stored.shards_here;
  }
  for (const auto& [name, shard] : index.shard_of)
    if (!stored.tensors.contains(name)) stored.elsewhere.push_back(name);
  return std::optional<StoredTensors>(std::move(stored));
}

}  // namespace hadal::io
