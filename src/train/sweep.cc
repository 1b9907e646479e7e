#include "train/sweep.h"

#include <charconv>
#include <filesystem>

#include "base/log.h"
#include "io/file.h"
#include "io/folder.h"
#include "train/export_model.h"
#include "train/settings_visitor.h"
#include "train/sweep_results.h"
#include "train/train_state.h"
#include "train/trainer.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

// What a run leaves behind once it is done, as outcome.toml.
struct Outcome {
  std::size_t diverged_at = 0;
  std::string model;  // its shape; empty: not known
};

std::string OutcomePath(const TrainConfig& config) {
  return (fs::path(config.out) / "outcome.toml").string();
}

Result<std::string> ShapeOf(const TrainConfig& config) {
  HADAL_TRY(const arch::Config shape, ReadModelConfig(config));
  return arch::ConfigToJson(shape, false).Dump();
}

// None: the run is not done.
Result<std::optional<Outcome>> ReadOutcome(const TrainConfig& config) {
  const std::string path = OutcomePath(config);
  std::error_code error;
  if (!fs::exists(path, error)) return std::optional<Outcome>();
  HADAL_TRY(const std::string text, io::ReadFile(path));
  Outcome outcome;
  bool is_one = false;
  for (const auto& [key, value] : ParseSettings(text)) {
    const char* const end = value.data() + value.size();
    if (key == "diverged_at")
      is_one = std::from_chars(value.data(), end, outcome.diverged_at).ptr == end;
    if (key == "model" && value.size() >= 2) outcome.model = value.substr(1, value.size() - 2);
  }
  if (is_one) return std::optional<Outcome>(std::move(outcome));
  return Fail(Code::kCorrupt, "{}: found '{}', expected diverged_at = STEP", path, text);
}

class Sweep {
 public:
  Sweep(const SweepPlan& plan, const SweepOptions& options, std::vector<std::int64_t> parameters,
        const std::atomic<bool>& stop)
      : plan_(plan), options_(options), parameters_(std::move(parameters)), stop_(stop) {}

  Result<SweepSummary> Run();

 private:
  // False: stopped.
  Result<bool> RunVariant(std::size_t variant);
  Result<bool> RunOne(const SweepRun& run);
  Status CheckSame(const TrainConfig& config, const Outcome& outcome) const;

  std::string Results() const { return (fs::path(plan_.out) / "results").string(); }
  std::size_t Planned() const {
    return plan_.variants.size() * (plan_.peaks.size() + plan_.seeds.size() - 1);
  }

  const SweepPlan& plan_;
  const SweepOptions& options_;
  std::vector<std::int64_t> parameters_;
  const std::atomic<bool>& stop_;
  std::vector<FinishedRun> finished_;
};

Result<SweepSummary> Sweep::Run() {
  HADAL_TRY_STATUS(io::MakeFolder(Results()));
  bool whole = true;
  for (std::size_t variant = 0; whole && variant < plan_.variants.size(); ++variant) {
    HADAL_TRY(whole, RunVariant(variant));
  }
  return SweepSummary{finished_.size(), Planned(), whole, Results()};
}

Result<bool> Sweep::RunVariant(std::size_t variant) {
  for (const double peak : plan_.peaks) {
    HADAL_TRY(const bool done, RunOne({variant, peak, plan_.seeds.front()}));
    if (!done) return false;
  }
  const double peak = *ChosenPeak(plan_, finished_, variant);
  for (std::size_t i = 1; i < plan_.seeds.size(); ++i) {
    HADAL_TRY(const bool done, RunOne({variant, peak, plan_.seeds[i]}));
    if (!done) return false;
  }
  return true;
}

// A run that is done is not looked at again, so what it was told must be what it would be now, and
// the model too. Texts are not compared.
Status Sweep::CheckSame(const TrainConfig& config, const Outcome& outcome) const {
  HADAL_TRY(const std::string shape, ShapeOf(config));
  if (!outcome.model.empty() && outcome.model != shape)
    return Fail(
        Code::kInvalid,
        "{}: was run with another model than {} describes; remove it, or name another --out",
        config.out, config.model.config);
  HADAL_TRY(const std::string text,
            io::ReadFile((fs::path(config.out) / "settings.toml").string()));
  const std::vector<std::string> changed =
      ChangedSettings(ParseSettings(text), ListSettings(WithPrecision(config)));
  if (changed.empty()) return Unit{};
  return Fail(Code::kInvalid,
              "{}: was run with other settings: {}; remove it, or name another --out", config.out,
              Join(changed, ", "));
}

Result<bool> Sweep::RunOne(const SweepRun& run) {
  HADAL_TRY(TrainConfig config, ConfigOf(plan_, run, options_.quick));
  if (options_.threads > 0) config.threads = options_.threads;
  HADAL_TRY(std::optional<Outcome> outcome, ReadOutcome(config));
  if (outcome) {
    HADAL_TRY_STATUS(CheckSame(config, *outcome));
  } else {
    if (stop_.load()) return false;
    spdlog::info("sweep run={} number={} of={}", RunName(plan_, run), finished_.size() + 1,
                 Planned());
    // What was killed before its first state has the first of a run's files, and begins again.
    std::error_code ignored;
    const bool resume = fs::exists(fs::path(config.out) / "run_log.csv", ignored);
    HADAL_TRY(const RunSummary summary,
              RunTraining(config, {.resume = resume, .quiet = options_.quiet}, stop_));
    if (!summary.finished && summary.diverged.empty()) return false;
    HADAL_TRY(std::string shape, ShapeOf(config));
    outcome = Outcome{summary.diverged_at, std::move(shape)};
    HADAL_TRY_STATUS(io::WriteFile(
        OutcomePath(config),
        fmt::format("diverged_at = {}\nmodel = '{}'\n", outcome->diverged_at, outcome->model)));
    RemoveOldStates(config.out, 0);
  }
  HADAL_TRY(FinishedRun finished,
            ReadFinished(run, config, parameters_[run.variant], outcome->diverged_at));
  finished_.push_back(std::move(finished));
  HADAL_TRY_STATUS(WriteResults(plan_, finished_, Results()));
  return true;
}

}  // namespace

Result<SweepSummary> RunSweep(SweepPlan plan, const SweepOptions& options,
                              const std::atomic<bool>& stop) {
  HADAL_TRY(std::vector<std::int64_t> parameters, CountParameters(plan));
  if (options.quick) plan.out = (fs::path(plan.out) / "quick").string();
  return Sweep(plan, options, std::move(parameters), stop).Run();
}

}  // namespace hadal::train
