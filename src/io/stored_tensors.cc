#include "io/stored_tensors.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/quote.h"
#include "io/file.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the same bound as the reference reader's
constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{1} << 28;
// Of a tensor, and of all: far above any model, and low enough that no sum of them overflows.
constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 40,
                       kMaxTotalBytes = std::int64_t{1} << 60;

struct Index {
  std::map<std::string, std::string, std::less<>> shard_of;
  std::set<std::string> shards;
  std::optional<std::uint64_t> total_bytes;
};

Result<Json> Parsed(const std::string& path, std::string_view text) {
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  if (json->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: found {}, expected an object", path, json->KindName());
  return json;
}

Result<Index> ReadIndex(const std::string& path) {
  HADAL_TRY(const std::string text, ReadFile(path, kMaxIndexBytes));
  HADAL_TRY(const Json json, Parsed(path, text));
  const Json* map = json.Find("weight_map");
  if (map == nullptr || map->AsObject() == nullptr)
    return Fail(Code::kCorrupt, "{}: weight_map: expected an object", path);
  Index index;
  for (const auto& [name, shard] : *map->AsObject()) {
    const std::string* file = shard.AsString();
    if (file == nullptr || fs::path(*file).filename() != *file)
      return Fail(Code::kCorrupt, "{}: tensor {}: expected the name of a file in the same folder",
                  path, Quote(name));
    index.shard_of.emplace(name, *file);
    index.shards.insert(*file);
  }
  const Json* metadata = json.Find("metadata");
  const Json* size = metadata == nullptr ? nullptr : metadata->Find("total_size");
  if (size != nullptr && size->AsInt() != nullptr && *size->AsInt() > 0 &&
      *size->AsInt() <= kMaxTotalBytes)
    index.total_bytes = static_cast<std::uint64_t>(*size->AsInt());
  return index;
}

// *.safetensors of the folder; only the model*.safetensors among them if there are any.
std::set<std::string> ShardFiles(const std::string& directory) {
  std::set<std::string> all, model;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(kSuffix) || name.starts_with("._")) continue;  // a Mac's notes on a file
    all.insert(name);
    if (name.starts_with("model")) model.insert(name);
  }
  return model.empty() ? all : model;
}

// "model-00001-of-00046.safetensors": 46; 0 where a name does not say.
std::size_t ShardsByName(std::string_view name) {
  name.remove_suffix(kSuffix.size());
  const std::size_t of = name.rfind("-of-");
  std::size_t count = 0;
  if (of == std::string_view::npos) return 0;
  std::from_chars(name.data() + of + 4, name.data() + name.size(), count);
  return count;
}

Result<std::string> ReadHeader(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
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

Status AddShard(const std::string& path, const std::string& shard, const Index& index,
                StoredTensors* stored) {
  HADAL_TRY(const std::string text, ReadHeader(path));
  HADAL_TRY(const Json json, Parsed(path, text));
  for (const auto& [name, entry] : *json.AsObject()) {
    if (name == "__metadata__") continue;
    const auto named = index.shard_of.find(name);
    if (!index.shards.empty() && (named == index.shard_of.end() || named->second != shard))
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
  const auto path_of = [&](const std::string& name) {
    return (fs::path(directory) / name).string();
  };
  Index index;
  std::error_code ignored;
  const std::string index_path = path_of("model.safetensors.index.json");
  if (fs::exists(index_path, ignored)) {
    HADAL_TRY(index, ReadIndex(index_path));
  }
  const std::set<std::string> shards = index.shards.empty() ? ShardFiles(directory) : index.shards;
  if (shards.empty()) return std::optional<StoredTensors>();
  StoredTensors stored;
  stored.total_bytes = index.total_bytes;
  stored.shards = shards.size();
  for (const std::string& shard : shards) {
    if (index.shards.empty()) stored.shards = std::max(stored.shards, ShardsByName(shard));
    if (!fs::exists(path_of(shard), ignored)) continue;
    HADAL_TRY_STATUS(AddShard(path_of(shard), shard, index, &stored));
    ++stored.shards_here;
  }
  for (const auto& [name, shard] : index.shard_of)
    if (!stored.tensors.contains(name)) stored.elsewhere.push_back(name);
  return std::optional<StoredTensors>(std::move(stored));
}

}  // namespace hadal::io
