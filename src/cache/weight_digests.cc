#include "cache/weight_digests.h"

#include <utility>

#include "io/checkpoint_files.h"
#include "io/file.h"

namespace hadal::cache {
namespace {

constexpr std::string_view kFormat = "hadal-digests";
constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;

std::string_view Text(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  const std::string* text = value == nullptr ? nullptr : value->AsString();
  return text == nullptr ? std::string_view() : *text;
}

// Wherever the folder lies, and however it was named.
std::string_view WithoutPath(const std::string& path, const std::string& stamp) {
  return std::string_view(stamp).substr(stamp.starts_with(path + " ") ? path.size() + 1 : 0);
}

}  // namespace

WeightDigests WeightDigests::Beside(const std::string& folder) {
  WeightDigests digests(folder);
  const auto json = io::ReadJsonObject(digests.File(), kMostBytes);
  if (!json.ok() || !digests.Read(*json)) digests.known_.clear();
  return digests;
}

bool WeightDigests::Read(const Json& json) {
  const Json *version = json.Find("version"), *files = json.Find("files");
  if (Text(json, "format") != kFormat || version == nullptr || version->AsInt() == nullptr ||
      *version->AsInt() != kVersion || files == nullptr || files->AsObject() == nullptr)
    return false;
  for (const auto& [name, file] : *files->AsObject()) {
    const auto digest = io::Digest::FromHex(Text(file, "digest"));
    if (!digest) return false;
    known_[name] = {std::string(Text(file, "stamp")), *digest};
  }
  return Text(json, "check") == Check().Hex();
}

io::Digest WeightDigests::Check() const {
  io::Digester all;
  for (const auto& [name, known] : known_) all.Add(name).Add(known.stamp).Add(known.digest);
  return all.Get();
}

Json WeightDigests::ToJson() const {
  Json::Object files;
  for (const auto& [name, known] : known_)
    files.emplace_back(name,
                       Json::MakeObject({{"stamp", known.stamp}, {"digest", known.digest.Hex()}}));
  return Json::MakeObject({{"format", kFormat},
                           {"version", kVersion},
                           {"check", Check().Hex()},
                           {"files", std::move(files)}});
}

std::optional<io::Digest> WeightDigests::Of(const std::string& path,
                                            const std::string& stamp) const {
  const auto known = known_.find(NameOf(path));
  if (known == known_.end() || known->second.stamp != WithoutPath(path, stamp)) return {};
  return known->second.digest;
}

Status WeightDigests::Keep(const std::string& path, const std::string& stamp,
                           const io::Digest& digest) {
  known_[NameOf(path)] = {std::string(WithoutPath(path, stamp)), digest};
  return io::WriteFile(File(), ToJson().Dump() + "\n");
}

std::string WeightDigests::NameOf(const std::string& path) const {
  if (!path.starts_with(folder_)) return path;
  const std::size_t name = path.find_first_not_of('/', folder_.size());
  return name == std::string::npos ? path : path.substr(name);
}

std::string WeightDigests::File() const { return io::InFolder(folder_, kWeightDigestsName); }

}  // namespace hadal::cache
