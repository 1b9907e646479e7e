#include "train/sweep.h"

#include <charconv>
#include <filesystem>

#include "base/log.h"
#include "io/file.h"
#include "train/settings_visitor.h"
#include "train/sweep_results.h"
#include "train/train_state.h"
#include "train/trainer.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

Status MakeFolder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Fail(Code::kIo, "{}: cannot be created: {}", path, error.message());
  return Unit{};
}

// The step number in "step 12: found ...", 0 in anything else.
std::size_t StepNamed(const std::string& diverged) {
  constexpr std::string_view kWord = "step ";
  std::size_t step = 0;
  if (diverged.starts_with(kWord))
    std::from_chars(diverged.data() + kWord.size(), diverged.data() + diverged.size(), step);
  return step;
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
  Result<std::optional<std::size_t>> DivergedAt(const TrainConfig& config) const;
  Status CheckSame(const TrainConfig& config) const;

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
  HADAL_TRY_STATUS(MakeFolder(Results()));
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

// outcome.toml is what a run leaves behind once it is done.
std::string OutcomePath(const TrainConfig& config) {
  return (fs::path(config.out) / "outcome.toml").string();
}

Result<std::optional<std::size_t>> Sweep::DivergedAt(const TrainConfig& config) const {
  std::error_code error;
  if (!fs::exists(OutcomePath(config), error)) return std::optional<std::size_t>();
  HADAL_TRY(const std::string text, io::ReadFile(OutcomePath(config)));
  std::size_t step = 0;
  const Settings outcome = ParseSettings(text);
  if (outcome.size() != 1 || outcome[0].first != "diverged_at")
    return Fail(Code::kCorrupt, "{}: found '{}', expected diverged_at = STEP", OutcomePath(config),
                text);
  const std::string& digits = outcome[0].second;
  std::from_chars(digits.data(), digits.data() + digits.size(), step);
  return std::optional<std::size_t>(step);
}

// A run that is done is not looked at again, so what it was told must be what it would be now.
// Files that settings name, of shapes and of texts, are not compared.
Status Sweep::CheckSame(const TrainConfig& config) const {
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
  HADAL_TRY(std::optional<std::size_t> diverged_at, DivergedAt(config));
  if (diverged_at) {
    HADAL_TRY_STATUS(CheckSame(config));
  } else {
    if (stop_.load()) return false;
    spdlog::info("sweep run={} number={} of={}", RunName(plan_, run), finished_.size() + 1,
                 Planned());
    // What was killed before its first state has these, and begins again.
    std::error_code ignored;
    const bool resume = fs::exists(fs::path(config.out) / "settings.toml", ignored);
    HADAL_TRY(const RunSummary summary,
              RunTraining(config, {.resume = resume, .quiet = options_.quiet}, stop_));
    if (!summary.finished && summary.diverged.empty()) return false;
    diverged_at = StepNamed(summary.diverged);
    HADAL_TRY_STATUS(
        io::WriteFile(OutcomePath(config), fmt::format("diverged_at = {}\n", *diverged_at)));
    RemoveOldStates(config.out, 0);
  }
  HADAL_TRY(FinishedRun finished,
            ReadFinished(run, config, parameters_[run.variant], *diverged_at));
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
