#include "model/expert_profile.h"

#include <cmath>
#include <optional>
#include <utility>

#include "base/json.h"
#include "io/checkpoint_files.h"
#include "io/file.h"

namespace hadal::model {
namespace {

constexpr std::string_view kFormat = "hadal-experts";
constexpr std::int64_t kVersion = 1;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 26;

Error Corrupt(const std::string& path, std::string_view what) {
  return Fail(Code::kCorrupt, "{}: {}: expected a profile of experts, as written before", path,
              what);
}

const std::string* Text(const Json& json, std::string_view key) {
  const Json* value = json.Find(key);
  return value == nullptr ? nullptr : value->AsString();
}

bool IsProfile(const Json& json) {
  const std::string* format = Text(json, "format");
  const Json* version = json.Find("version");
  return format != nullptr && *format == kFormat && version != nullptr &&
         version->AsInt() != nullptr && *version->AsInt() == kVersion;
}

// None: it is no list of uses.
std::optional<std::vector<float>> ReadLayer(const Json& json) {
  const Json::Array* list = json.AsArray();
  if (list == nullptr) return {};
  std::vector<float> uses;
  for (const Json& item : *list) {
    const std::optional<double> use = item.AsNumber();
    if (!use || !(*use >= 0) || *use > 1e30) return {};
    uses.push_back(static_cast<float>(*use));
  }
  return uses;
}

struct Profile {
  std::string checkpoint;
  ExpertUses uses;
};

Result<Profile> ReadProfile(const std::string& path) {
  HADAL_TRY(const Json json, io::ReadJsonObject(path, kMostBytes));
  const std::string* of = Text(json, "checkpoint");
  if (!IsProfile(json) || of == nullptr) return Corrupt(path, "format, version and checkpoint");
  const Json* layers = json.Find("uses");
  if (layers == nullptr || layers->AsArray() == nullptr) return Corrupt(path, "uses");
  Profile profile{*of, {}};
  for (const Json& item : *layers->AsArray()) {
    auto layer = ReadLayer(item);
    if (!layer) return Corrupt(path, fmt::format("uses of layer {}", profile.uses.size()));
    profile.uses.push_back(std::move(*layer));
  }
  return profile;
}

}  // namespace

Result<ExpertUses> ReadExpertProfile(const std::string& path, std::uint64_t checkpoint,
                                     const ExpertUses& shape) {
  HADAL_TRY(Profile profile, ReadProfile(path));
  const std::string expected = fmt::format("{:016x}", checkpoint);
  if (profile.checkpoint != expected)
    return Fail(Code::kInvalid, "{}: checkpoint: found {}, expected {}: it is of another model",
                path, profile.checkpoint, expected);
  if (profile.uses.size() != shape.size()) return Corrupt(path, "uses");
  for (std::size_t l = 0; l < shape.size(); ++l)
    if (profile.uses[l].size() != shape[l].size())
      return Corrupt(path, fmt::format("uses of layer {}", l));
  return std::move(profile.uses);
}

Result<ExpertUses> ReadExpertUses(const std::string& path) {
  HADAL_TRY(Profile profile, ReadProfile(path));
  return std::move(profile.uses);
}

Status WriteExpertProfile(const std::string& path, std::uint64_t checkpoint,
                          const ExpertUses& uses) {
  Json::Array layers;
  for (const std::vector<float>& layer : uses) {
    Json::Array list;
    // Thousandths of a use are none.
    for (const float use : layer)
      list.emplace_back(std::round(static_cast<double>(use) * 1000) / 1000);
    layers.emplace_back(std::move(list));
  }
  const Json json = Json::MakeObject({{"format", std::string(kFormat)},
                                      {"version", kVersion},
                                      {"checkpoint", fmt::format("{:016x}", checkpoint)},
                                      {"uses", std::move(layers)}});
  return io::WriteFile(path, json.Dump() + "\n");
}

}  // namespace hadal::model
