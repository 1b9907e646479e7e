#include "plan/planned_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/quote.h"
#include "base/units.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "cost/presets.h"
#include "io/checkpoint.h"
#include "io/file.h"

namespace hadal::plan {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 16 << 20;
constexpr std::size_t kMaxContexts = 1000;

Result<PlannedModel> FromConfig(const std::string& key, const std::string& name,
                                const Json& config) {
  PlannedModel model{.key = key, .cost = {}, .v4 = {}};
  HADAL_TRY(model.cost, cost::Describe(config, name));
  if (model.cost.architecture == "deepseek_v4") {
    HADAL_TRY(model.v4, arch::ParseConfig(config));
  }
  return model;
}

Result<Json> ReadJson(const std::string& path) {
  HADAL_TRY(const std::string text, io::ReadFile(path, kMaxConfigBytes));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  return json;
}

// A V4 checkpoint's number formats are what its tensors say.
Status CountByFile(const std::string& directory, PlannedModel& model) {
  HADAL_TRY(const io::Checkpoint checkpoint, io::Checkpoint::Open(directory));
  for (const arch::TensorSpec& spec : arch::TensorsOf(*model.v4))
    if (checkpoint.Info(spec.name) == nullptr)
      return Fail(Code::kNotFound, "{}: no tensor '{}', which config.json calls for", directory,
                  spec.name);
  const auto stored = [&](const arch::TensorSpec& spec) {
    return FormatOfCodes(checkpoint.Info(spec.name)->dtype).value_or(spec.format);
  };
  model.cost = cost::DescribeV4(*model.v4, stored, model.cost.name);
  return Unit{};
}

bool HasTensors(const std::string& directory) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored))
    if (entry.path().extension() == ".safetensors") return true;
  return false;
}

Result<PlannedModel> FromPath(const std::string& name) {
  const bool folder = fs::is_directory(name);
  const fs::path file = folder ? fs::path(name) / "config.json" : fs::path(name);
  HADAL_TRY(const Json config, ReadJson(file.string()));
  const fs::path shown = fs::absolute(file).lexically_normal();
  const std::string label = shown.filename() == "config.json"
                                ? shown.parent_path().filename().string()
                                : shown.stem().string();
  Result<PlannedModel> model = FromConfig(name, label, config);
  if (!model.ok()) return Within(name, model.error());
  if (folder && model->v4 && HasTensors(name)) HADAL_TRY_STATUS(CountByFile(name, *model));
  return model;
}

}  // namespace

std::uint64_t PlannedModel::StateBytes(std::uint64_t tokens, cost::KvFormat format) const {
  if (v4 && format == cost::KvFormat::kPublished)
    return cost::AllocatedState(*v4, arch::KvLayout(*v4, {}), tokens).total();
  return cost::KvBytes(cost, tokens, format, cost::Mtp::kWith) + cost.tail_bytes;
}

std::uint64_t PlannedModel::ScratchBytes(std::size_t rows, std::size_t threads) const {
  return v4 ? cost::ScratchBytes(*v4, arch::KvLayout(*v4, {}), rows, threads) : 0;
}

Result<PlannedModel> FindModel(const std::string& name) {
  if (const cost::Preset* preset = cost::FindPreset(name); preset != nullptr) {
    return FromConfig(name, std::string(preset->name), preset->config());
  }
  std::error_code ignored;
  if (fs::exists(name, ignored)) return FromPath(name);
  std::string keys;
  for (const cost::Preset& preset : cost::Presets()) keys += fmt::format("{}, ", preset.key);
  return Fail(Code::kNotFound,
              "model: found {}, expected one of {}a config.json or a checkpoint folder",
              Quote(name), keys);
}

std::vector<std::string> ModelNotes(const std::vector<PlannedModel>& models) {
  std::vector<std::string> notes;
  for (const PlannedModel& model : models)
    for (const std::string& note : model.cost.notes)
      notes.push_back(fmt::format("{}: {}.", model.cost.name, note));
  return notes;
}

Result<std::vector<PlannedModel>> FindModels(const std::vector<std::string>& names) {
  std::vector<PlannedModel> models;
  for (const std::string& name : names) {
    HADAL_TRY(PlannedModel model, FindModel(name));
    models.push_back(std::move(model));
  }
  return models;
}

namespace {

Result<std::uint64_t> TokensOf(const std::string& flag, const std::string& text) {
  Result<std::uint64_t> size = ParseSize(text);
  if (!size.ok()) return Within(flag, size.error());
  if (text.ends_with('B'))
    return Fail(Code::kInvalid, "{}: found {}, expected tokens, as 4096, 128K or 1M", flag, text);
  if (*size == 0) return Fail(Code::kInvalid, "{}: found {}, expected 1 or more", flag, text);
  return size;
}

}  // namespace

Result<std::uint64_t> ContextFlag(const std::string& flag, const std::string& text) {
  HADAL_TRY(const std::vector<std::uint64_t> contexts, ContextsFlag(flag, text));
  if (contexts.size() > 1)
    return Fail(Code::kInvalid, "{}: found {}, expected one number of tokens", flag, text);
  return contexts[0];
}

Result<std::vector<std::uint64_t>> ContextsFlag(const std::string& flag, const std::string& text) {
  std::vector<std::uint64_t> contexts;
  if (const std::size_t dots = text.find(".."); dots != std::string::npos) {
    if (dots == 0 || dots + 2 == text.size())
      return Fail(Code::kInvalid, "{}: found {}, expected FROM..TO as 4K..1M", flag, text);
    HADAL_TRY(const std::uint64_t first, TokensOf(flag, text.substr(0, dots)));
    HADAL_TRY(const std::uint64_t last, TokensOf(flag, text.substr(dots + 2)));
    if (first > last)
      return Fail(Code::kInvalid, "{}: found {}, expected FROM..TO with FROM below TO", flag, text);
    for (std::uint64_t n = first; n < last; n *= 2) contexts.push_back(n);
    contexts.push_back(last);
  } else {
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      HADAL_TRY(const std::uint64_t size, TokensOf(flag, text.substr(begin, end - begin)));
      contexts.push_back(size);
      begin = end + 1;
    }
    std::sort(contexts.begin(), contexts.end());
    contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
  }
  if (contexts.back() > kMostTokens)
    return Fail(Code::kInvalid, "{}: found {}, expected at most {} tokens", flag, text,
                FormatCount(kMostTokens));
  if (contexts.size() > kMaxContexts)
    return Fail(Code::kInvalid, "{}: found {} contexts, expected at most {}", flag, contexts.size(),
                kMaxContexts);
  return contexts;
}

}  // namespace hadal::plan
