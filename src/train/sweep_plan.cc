#include "train/sweep_plan.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string_view>

#include "io/file.h"
#include "train/export_model.h"
#include "train/schema.h"
#include "train/settings_visitor.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

// The leaves of a table as (dotted key, TOML value).
void Flatten(const toml::table& table, const std::string& prefix, Settings* out) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table()) {
      Flatten(*inner, key + ".", out);
      continue;
    }
    std::ostringstream value;
    node.visit([&](const auto& found) { value << found; });
    out->emplace_back(key, std::move(value).str());
  }
}

// The settings below `key`, which then is no longer in the table.
Result<Settings> Take(toml::table* table, const std::string& key, const std::string& path) {
  Settings settings;
  const toml::node* node = table->get(key);
  if (node == nullptr) return settings;
  if (!node->is_table())
    return Fail(Code::kInvalid, "{}:{}: {}: expected settings, {}.NAME = VALUE", path,
                node->source().begin.line, key, key);
  Flatten(*node->as_table(), "", &settings);
  table->erase(key);
  return settings;
}

// Letters, digits and "-": part of a folder's name and of a CSV.
bool IsPlain(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool IsShared(const std::string& key) {
  constexpr std::array<std::string_view, 6> kKeys = {"seed",    "steps",  "out",
                                                     "lr.peak", "lr.end", "model.tokenizer"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end() || key.starts_with("data.") ||
         key.starts_with("batch.");
}

// In place: a copied table knows no lines.
Result<SweepVariant> ReadVariant(toml::table& table, const std::string& path) {
  const auto line = table.source().begin.line;
  SweepVariant variant;
  HADAL_TRY(variant.set, Take(&table, "set", path));
  SettingsReader reader(table, path, "");
  reader.Text("name", &variant.name);
  reader.Text("group", &variant.group);
  HADAL_TRY_STATUS(reader.Finish());
  if (variant.name.empty() || !IsPlain(variant.name) || !IsPlain(variant.group))
    return Fail(Code::kInvalid,
                "{}:{}: variant: found name '{}', group '{}', expected small letters, digits and -",
                path, line, variant.name, variant.group);
  for (const auto& [key, value] : variant.set)
    if (IsShared(key))
      return Fail(Code::kInvalid, "{}:{}: variant {}: sets {}, which all variants share", path,
                  line, variant.name, key);
  return variant;
}

Result<std::vector<SweepVariant>> TakeVariants(toml::table* table, const std::string& path) {
  toml::array* array = table->get_as<toml::array>("variant");
  if (array == nullptr || array->size() < 2 || !array->is_homogeneous<toml::table>())
    return Fail(Code::kInvalid, "{}: expected at least two [[variant]]", path);
  std::vector<SweepVariant> variants;
  std::set<std::string> names;
  for (toml::node& node : *array) {
    HADAL_TRY(SweepVariant variant, ReadVariant(*node.as_table(), path));
    if (!names.insert(variant.group + "/" + variant.name).second)
      return Fail(Code::kInvalid, "{}: variant {}: there are two of this name", path, variant.name);
    variants.push_back(std::move(variant));
  }
  table->erase("variant");
  return variants;
}

Result<SweepPlan> ParseSweepPlan(toml::table table, const std::string& path) {
  SweepPlan plan;
  plan.path = path;
  HADAL_TRY(plan.variants, TakeVariants(&table, path));
  HADAL_TRY(plan.quick, Take(&table, "quick", path));
  SettingsReader reader(table, path, fs::path(path).parent_path().string());
  reader.Path("train", &plan.train, true);
  reader.Path("out", &plan.out, true);
  reader.Numbers("peaks", &plan.peaks, {1e-9, 1});
  reader.Counts("seeds", &plan.seeds, {0, 1e15});
  reader.Number("end_share", &plan.end_share, {0, 1});
  reader.Number("parameters_within", &plan.parameters_within, {0, 1});
  HADAL_TRY_STATUS(reader.Finish());
  return plan;
}

Result<std::int64_t> CountOf(const TrainConfig& config) {
  HADAL_TRY(const arch::Config shape, ReadModelConfig(config));
  return CountTrained(ParametersOf(shape, ResidualOf(config.model.residual)));
}

}  // namespace

Result<SweepPlan> ReadSweepPlan(const std::string& folder) {
  const std::string path = (fs::path(folder) / "sweep.toml").string();
  HADAL_TRY(const std::string text, io::ReadFile(path, std::uint64_t{1} << 24));
  try {
    return ParseSweepPlan(toml::parse(text), path);
  } catch (const toml::parse_error& error) {
    return Fail(Code::kInvalid, "{}:{}: not TOML: {}", path, error.source().begin.line,
                error.description());
  }
}

std::string RunName(const SweepPlan& plan, const SweepRun& run) {
  const SweepVariant& variant = plan.variants[run.variant];
  return fmt::format("{}{}{}-lr{}-s{}", variant.group, variant.group.empty() ? "" : "-",
                     variant.name, run.peak, run.seed);
}

Result<TrainConfig> ConfigOf(const SweepPlan& plan, const SweepRun& run, bool quick) {
  Settings set = plan.variants[run.variant].set;
  if (quick) set.insert(set.end(), plan.quick.begin(), plan.quick.end());
  set.emplace_back("seed", fmt::format("{}", run.seed));
  set.emplace_back("lr.peak", fmt::format("{:e}", run.peak));
  set.emplace_back("lr.end", fmt::format("{:e}", run.peak * plan.end_share));
  auto config = ReadTrainConfig(plan.train, set);
  if (!config.ok())
    return Within(plan.path + ": variant " + plan.variants[run.variant].name, config.error());
  config->out = (fs::path(plan.out) / "runs" / RunName(plan, run)).string();
  return config;
}

Result<std::vector<std::int64_t>> CountParameters(const SweepPlan& plan) {
  std::vector<std::int64_t> counts;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> groups;  // smallest, largest
  for (std::size_t i = 0; i < plan.variants.size(); ++i) {
    HADAL_TRY(const TrainConfig config,
              ConfigOf(plan, {i, plan.peaks.front(), plan.seeds.front()}, false));
    HADAL_TRY(const std::int64_t count, CountOf(config));
    counts.push_back(count);
    const auto [group, added] = groups.try_emplace(plan.variants[i].group, count, count);
    auto& [smallest, largest] = group->second;
    smallest = std::min(smallest, count);
    largest = std::max(largest, count);
    if (static_cast<double>(largest - smallest) >
        plan.parameters_within * static_cast<double>(smallest))
      return Fail(Code::kInvalid,
                  "{}: variant {}: found {} parameters, expected those of its group, {} to {}, to "
                  "be within {:g} of each other",
                  plan.path, plan.variants[i].name, count, smallest, largest,
                  plan.parameters_within);
  }
  return counts;
}

}  // namespace hadal::train
