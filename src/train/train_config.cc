#include "train/train_config.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string_view>

#include "io/file.h"
#include "train/settings_visitor.h"

namespace hadal::train {
namespace {

constexpr Range kSteps{1, 1e9};

// The one list of all settings, their bounds, and the member each belongs to.
void Visit(SettingsVisitor& v, TrainConfig& c) {
  v.Count("steps", &c.steps, kSteps);
  v.Count("seed", &c.seed, {0, 9e18});
  v.Path("out", &c.out, true);
  v.Count("threads", &c.threads, {0, 1024});
  v.Text("device", &c.device);
  v.Choice("precision", &c.precision, {"auto", "bf16", "f32"});
  v.Choice("export_format", &c.export_format, {"fp8_fp4", "f32"});

  v.Path("model.config", &c.model.config, true);
  v.Path("model.tokenizer", &c.model.tokenizer, true);
  v.Path("model.init", &c.model.init, false);
  v.Number("model.init_std", &c.model.init_std, {1e-6, 1});
  v.Choice("model.residual", &c.model.residual, {"mhc", "hc", "plain"});

  v.Paths("data.train", &c.data.train, true);
  v.Paths("data.heldout", &c.data.heldout, false);
  v.Number("data.heldout_fraction", &c.data.heldout_fraction, {0, 0.5});
  v.Text("data.separator", &c.data.separator);
  v.Flag("data.bos", &c.data.bos);
  v.Flag("data.eos", &c.data.eos);

  v.Count("batch.rows", &c.batch.rows, {1, 65536});
  v.Count("batch.tokens", &c.batch.tokens, {2, 1 << 20});
  v.Count("batch.shards", &c.batch.shards, {1, 1024});

  v.Number("lr.peak", &c.lr.peak, {0, 1});
  v.Number("lr.end", &c.lr.end, {0, 1});
  v.Count("lr.warmup_steps", &c.lr.warmup_steps, {0, 1e9});
  v.When("lr.decay_start", &c.lr.decay_start);

  v.Choice("optimizer.matrices", &c.optimizer.matrices, {"muon", "adamw"});
  v.Number("optimizer.weight_decay", &c.optimizer.weight_decay, {0, 10});
  v.Number("optimizer.clip", &c.optimizer.clip, {1e-6, 1e9});
  v.Number("optimizer.muon_momentum", &c.optimizer.muon_momentum, {0, 0.9999});
  v.Number("optimizer.muon_gamma", &c.optimizer.muon_gamma, {1e-6, 10});
  v.Count("optimizer.muon_steps", &c.optimizer.muon_steps, {3, 30});
  v.Count("optimizer.muon_settling", &c.optimizer.muon_settling, {0, 30});
  v.Number("optimizer.adamw_beta1", &c.optimizer.adamw_beta1, {0, 0.9999});
  v.Number("optimizer.adamw_beta2", &c.optimizer.adamw_beta2, {0, 0.99999});
  v.Number("optimizer.adamw_eps", &c.optimizer.adamw_eps, {1e-30, 1});

  v.Number("loss.mtp", &c.loss.mtp, {0, 10});
  v.Number("loss.mtp_decay", &c.loss.mtp_decay, {0, 10});
  v.Number("loss.balance", &c.loss.balance, {0, 10});
  v.Number("loss.bias_speed", &c.loss.bias_speed, {0, 1});
  v.Number("loss.indexer", &c.loss.indexer, {0, 100});
  v.Number("loss.answers", &c.loss.answers, {1e-3, 1e3});
  v.Choice("loss.indexer_entries", &c.loss.indexer_entries, {"selected", "visible"});

  v.When("stages.warmup", &c.stages.warmup);
  v.When("stages.sparse", &c.stages.sparse);
  v.Flag("stages.warmup_freezes_model", &c.stages.warmup_freezes_model);

  v.When("quantize.experts", &c.quantize.experts);
  v.When("quantize.linears", &c.quantize.linears);
  v.When("quantize.kv", &c.quantize.kv);
  v.When("quantize.indexer", &c.quantize.indexer);

  v.Count("eval.every", &c.eval.every, kSteps);
  v.Count("eval.tokens", &c.eval.tokens, {1, 1e12});
  v.Flag("probe.gradients", &c.probe.gradients);
  v.Flag("probe.residuals", &c.probe.residuals);
  v.Flag("probe.positions", &c.probe.positions);
  v.Flag("probe.rounding", &c.probe.rounding);
  v.Count("checkpoint.every", &c.checkpoint.every, kSteps);
  v.Number("checkpoint.minutes", &c.checkpoint.minutes, {0, 1e6});
}

// "cpu", "cuda" or "cuda:N"
bool IsDevice(std::string_view name) {
  if (name == "cpu" || name == "cuda") return true;
  if (!name.starts_with("cuda:")) return false;
  const std::string_view index = name.substr(5);
  return (index.size() == 1 || (index.size() == 2 && index[0] != '0')) &&
         index.find_first_not_of("0123456789") == std::string_view::npos;
}

// What no single key can say, and the one text that is no free one.
Status CheckTogether(const TrainConfig& c, const std::string& name) {
  if (!IsDevice(c.device))
    return Fail(Code::kInvalid, "{}: device: found '{}', expected \"cpu\", \"cuda\" or \"cuda:N\"",
                name, c.device);
  if (c.batch.rows % c.batch.shards != 0)
    return Fail(Code::kInvalid, "{}: batch.rows: found {}, expected a multiple of batch.shards, {}",
                name, c.batch.rows, c.batch.shards);
  if (c.optimizer.muon_settling > c.optimizer.muon_steps)
    return Fail(Code::kInvalid,
                "{}: optimizer.muon_settling: found {}, expected at most optimizer.muon_steps, {}",
                name, c.optimizer.muon_settling, c.optimizer.muon_steps);
  if (c.lr.end > c.lr.peak)
    return Fail(Code::kInvalid, "{}: lr.end: found {}, expected at most lr.peak, {}", name,
                c.lr.end, c.lr.peak);
  if (c.stages.warmup.kind != Moment::Kind::kNever &&
      c.stages.warmup.Step(c.steps) > c.stages.sparse.Step(c.steps))
    return Fail(Code::kInvalid,
                "{}: stages.warmup: found step {}, expected it not after stages.sparse, step {}",
                name, c.stages.warmup.Step(c.steps), c.stages.sparse.Step(c.steps));
  return Unit{};
}

// Puts a value in the place of a dotted key, over what may be there.
void Assign(toml::table* table, const std::string& key, const std::string& value) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos) {
    const toml::table parsed = toml::parse("value = " + value);
    table->insert_or_assign(key, *parsed.get("value"));
    return;
  }
  const std::string name = key.substr(0, dot);
  if (table->get_as<toml::table>(name) == nullptr) table->insert_or_assign(name, toml::table{});
  Assign(table->get_as<toml::table>(name), key.substr(dot + 1), value);
}

}  // namespace

std::size_t Moment::Step(std::size_t total_steps) const {
  if (kind == Kind::kNever) return std::numeric_limits<std::size_t>::max();
  if (kind == Kind::kStep) return static_cast<std::size_t>(value);
  return static_cast<std::size_t>(std::ceil(value * static_cast<double>(total_steps)));
}

Result<TrainConfig> ParseTrainConfig(const std::string& text, const std::string& name,
                                     const std::string& directory, const Settings& set) {
  TrainConfig config;
  try {
    toml::table table = toml::parse(text);
    for (const auto& [key, value] : set) Assign(&table, key, value);
    SettingsReader reader(table, name, directory);
    Visit(reader, config);
    HADAL_TRY_STATUS(reader.Finish());
  } catch (const toml::parse_error& error) {
    return Fail(Code::kInvalid, "{}:{}: not TOML: {}", name, error.source().begin.line,
                error.description());
  }
  HADAL_TRY_STATUS(CheckTogether(config, name));
  return config;
}

Result<TrainConfig> ReadTrainConfig(const std::string& path, const Settings& set) {
  HADAL_TRY(const std::string text, io::ReadFile(path, std::uint64_t{1} << 24));
  return ParseTrainConfig(text, path, std::filesystem::path(path).parent_path().string(), set);
}

Settings ListSettings(const TrainConfig& config) {
  TrainConfig copy = config;
  SettingsLister lister;
  Visit(lister, copy);
  return std::move(lister.settings);
}

std::string SettingsText(const Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings) text += fmt::format("{} = {}\n", key, value);
  return text;
}

std::vector<std::string> ChangedSettings(const Settings& before, const Settings& now) {
  static const std::set<std::string> kHarmless = {"out",
                                                  "threads",
                                                  "device",
                                                  "export_format",
                                                  "model.config",
                                                  "model.init",
                                                  "data.train",
                                                  "model.tokenizer",
                                                  "data.heldout",
                                                  "checkpoint.every",
                                                  "checkpoint.minutes"};
  // A setting that the program did not have then stood, in effect, at its default.
  const Settings defaults = ListSettings(TrainConfig());
  std::map<std::string, std::string> old(defaults.begin(), defaults.end());
  for (const auto& [key, value] : before) old[key] = value;
  std::vector<std::string> changed;
  for (const auto& [key, value] : now) {
    if (kHarmless.count(key) > 0) continue;
    const std::string& was = old[key];
    if (was != value) changed.push_back(fmt::format("{} was {}, is now {}", key, was, value));
  }
  return changed;
}

}  // namespace hadal::train
