#include "plan/planned_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/quote.h"
#include "base/units.h"
#include "cost/describe.h"
#include "cost/engine_memory.h"
#include "cost/presets.h"
#include "io/file.h"
#include "io/stored_tensors.h"
#include "plan/folder_weights.h"

namespace hadal::plan {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 16 << 20;
constexpr std::size_t kMaxContexts = 1000;

Result<Json> ReadJson(const std::string& path) {
  HADAL_TRY(const std::string text, io::ReadFile(path, kMaxConfigBytes));
  Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  return json;
}

// An engine for the model exists, and the config says all that it needs to know.
std::optional<arch::Config> EngineShape(const Json& config) {
  Result<arch::Config> shape = arch::ParseShape(config);
  if (!shape.ok()) return std::nullopt;
  return std::move(*shape);
}

// What a folder says beside its config.json.
struct Beside {
  std::optional<Json> quantization;          // hf_quant_config.json
  std::optional<io::StoredTensors> tensors;  // none: a config alone
};

Result<Beside> ReadBeside(const fs::path& config_file, bool folder) {
  Beside beside;
  std::error_code ignored;
  const fs::path side = config_file.parent_path() / "hf_quant_config.json";
  if (fs::exists(side, ignored)) {
    HADAL_TRY(beside.quantization, ReadJson(side.string()));
  }
  if (!folder) return beside;
  HADAL_TRY(beside.tensors, io::ListStoredTensors(config_file.parent_path().string()));
  return beside;
}

Result<FolderModel> Describe(const Json& config, const Beside& beside, const std::string& name) {
  const Json* side = beside.quantization ? &*beside.quantization : nullptr;
  if (!beside.tensors) {
    HADAL_TRY(cost::CostModel alone, cost::Describe(config, name, side));
    return FolderModel{std::move(alone), false};
  }
  HADAL_TRY(const arch::AnyConfig any, arch::ParseAnyConfig(config));
  const Result<arch::StorageRules> rules = arch::ReadStorage(config, side, any.family());
  HADAL_TRY(FolderModel model, DescribeFolder(any, rules, *beside.tensors, name));
  if (rules.ok()) return model;
  // FP8 Base releases leave expert_dtype out, which the tensors' types tell. Not so the unknown.
  Json told = config;
  told.Set("expert_dtype", "fp8");
  if (arch::ReadStorage(told, side, any.family()).ok()) return model;
  model.cost.formats_guessed = true;
  model.cost.notes.push_back(fmt::format(
      "{}: bytes are those of the files, and how they are multiplied is guessed from their types",
      rules.error().what));
  return model;
}

}  // namespace

std::uint64_t PlannedModel::StateBytes(std::uint64_t tokens, cost::KvFormat format) const {
  if (engine && format == cost::KvFormat::kPublished)
    return cost::AllocatedState(*engine, arch::KvLayout(*engine, {}), tokens).total();
  return cost::KvBytes(cost, tokens, format, cost::Mtp::kWith) + cost.tail_bytes;
}

std::uint64_t PlannedModel::ScratchBytes(std::size_t rows, std::size_t threads) const {
  if (!engine) return 0;
  return cost::ScratchBytes(*engine, arch::KvLayout(*engine, {}), rows, threads);
}

Result<PlannedModel> ModelFromPath(const std::string& path) {
  const bool folder = fs::is_directory(path);
  const fs::path file = folder ? fs::path(path) / "config.json" : fs::path(path);
  HADAL_TRY(const Json config, ReadJson(file.string()));
  HADAL_TRY(const Beside beside, ReadBeside(file, folder));
  const fs::path shown = fs::absolute(file).lexically_normal();
  const std::string label = shown.filename() == "config.json"
                                ? shown.parent_path().filename().string()
                                : shown.stem().string();
  Result<FolderModel> described = Describe(config, beside, label);
  if (!described.ok()) return Within(path, described.error());
  return PlannedModel{path, std::move(described->cost), EngineShape(config),
                      described->contradicts};
}

Result<PlannedModel> FindModel(const std::string& name) {
  if (const cost::Preset* preset = cost::FindPreset(name); preset != nullptr) {
    const Json config = preset->config();
    HADAL_TRY(cost::CostModel model, cost::Describe(config, std::string(preset->name)));
    return PlannedModel{name, std::move(model), EngineShape(config)};
  }
  std::error_code ignored;
  if (fs::exists(name, ignored)) return ModelFromPath(name);
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

std::string NotExact(const std::vector<PlannedModel>& models) {
  const bool shared = std::ranges::any_of(
      models, [](const PlannedModel& model) { return model.cost.weight_bytes_shared; });
  const bool guessed = std::ranges::any_of(
      models, [](const PlannedModel& model) { return model.cost.formats_guessed; });
  const bool contradict =
      std::ranges::any_of(models, [](const PlannedModel& model) { return model.contradicts; });
  return std::string(contradict ? ", but the weights: the tensors are not those of config.json"
                                : "") +
         (shared ? ", but the bytes of tensors that are not here: shares of their sum" : "") +
         (guessed ? ", but how weights of an unknown format are multiplied" : "");
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
