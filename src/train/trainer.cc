#include "train/trainer.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "arch/inventory.h"
#include "base/allowance.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/units.h"
#include "io/checkpoint_files.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/temporary.h"
#include "train/adamw.h"
#include "train/batch_gradient.h"
#include "train/device.h"
#include "train/evaluate.h"
#include "train/export_model.h"
#include "train/loss_plot.h"
#include "train/muon.h"
#include "train/parameter_groups.h"
#include "train/probes.h"
#include "train/run_data.h"
#include "train/run_lock.h"
#include "train/run_log.h"
#include "train/settings_visitor.h"
#include "train/train_state.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

std::size_t ThreadCount(const TrainConfig& config) {
  return config.threads == 0 ? Threads::HardwareCount() : config.threads;
}

// Another device than the CPU is kept busy by one.
std::size_t WorkerCount(const TrainConfig& config) {
  if (config.device != "cpu") return 1;
  return std::min(ThreadCount(config), config.batch.shards);
}

AdamWOptions AdamWOptionsOf(const TrainConfig& config) {
  return {.beta1 = config.optimizer.adamw_beta1,
          .beta2 = config.optimizer.adamw_beta2,
          .eps = config.optimizer.adamw_eps,
          .weight_decay = config.optimizer.weight_decay};
}

MuonOptions MuonOptionsOf(const TrainConfig& config) {
  return {.momentum = config.optimizer.muon_momentum,
          .gamma = config.optimizer.muon_gamma,
          .weight_decay = config.optimizer.weight_decay,
          .newton_schulz = {config.optimizer.muon_steps, config.optimizer.muon_settling},
          .products = ProductsOf(config)};
}

NamedTensors ModelParameters(const V4Model& model) {
  NamedTensors parameters;
  for (const auto& item : model->named_parameters())
    parameters.emplace_back(item.key(), item.value());
  return parameters;
}

bool HasIndexer(const arch::Config& config) {
  for (const std::size_t ratio : config.compress_ratios)
    if (ratio == arch::kCsaRatio) return true;
  return false;
}

class Run {
 public:
  Run(const TrainConfig& config, const RunOptions& options, V4Model model, RunData data)
      : config_(config),
        options_(options),
        model_(std::move(model)),
        data_(std::move(data)),
        workers_(WorkerCount(config),
                 std::max<std::size_t>(1, ThreadCount(config) / WorkerCount(config))),
        gradient_(model_, config_, workers_),
        stream_(data_.train, config.batch.tokens, config.seed),
        heldout_(data_.heldout, config.batch.tokens, config.eval.tokens, config.seed,
                 data_.tokenizer, data_.marks),
        groups_(GroupParameters(ModelParameters(model_), model_->config(),
                                config.optimizer.matrices == "muon")),
        muon_(groups_.muon, MuonOptionsOf(config)),
        adamw_(groups_.adamw, AdamWOptionsOf(config)),
        fingerprint_(data_.train.Fingerprint()) {
    at::globalContext().setFlushDenormal(true);
  }

  Status Start();
  Result<RunSummary> Loop(const std::atomic<bool>& stop);

 private:
  std::string OutPath(const char* name) const { return (fs::path(config_.out) / name).string(); }
  NamedTensors AllTensors() const;
  StepPlan Plan(std::size_t step) const;
  Status Begin();
  Status BeginProbes();
  Status BeginSpeed();
  Status Resume();
  Status RestoreState(const std::string& path);
  Status Step();
  Status SaveNow();
  Status Evaluate(const StepPlan& plan, const std::vector<Measure>& gradients, LogLine* line);
  void Report(Progress* progress, double seconds, double processor_seconds);
  RunSummary Summary(bool finished) const;

  const TrainConfig& config_;
  RunOptions options_;
  V4Model model_;
  RunData data_;
  Workers workers_;
  BatchGradient gradient_;
  DataStream stream_;
  HeldoutSet heldout_;
  ParameterGroups groups_;
  Muon muon_;
  AdamW adamw_;
  std::uint64_t fingerprint_;
  std::optional<RunLock> lock_;
  std::optional<RunLog> log_;
  std::optional<LogFile> probes_;  // where config asks for any
  std::ofstream speed_;
  std::size_t step_ = 0, first_step_ = 0;  // steps done; those of earlier runs
  double tokens_per_s_ = 0;                // recent average
  double seconds_ = 0;                     // of steps after the first of this program
  std::size_t diverged_at_ = 0;
  std::string diverged_;
  Stopwatch clock_, since_save_;
};

NamedTensors Run::AllTensors() const {
  NamedTensors all = ModelTensors(model_);
  for (auto& [name, tensor] : muon_.State()) all.emplace_back("muon." + name, tensor);
  for (auto& [name, tensor] : adamw_.State()) all.emplace_back("adamw." + name, tensor);
  return all;
}

StepPlan Run::Plan(std::size_t step) const {
  StepPlan plan = PlanStep(config_, step);
  if (!HasIndexer(model_->config())) {  // then there is nothing to warm up or to select
    plan.stage = Stage::kDense;
    plan.indexer_only = false;
  }
  return plan;
}

Status Run::Start() {
  HADAL_TRY_STATUS(io::MakeFolder(config_.out));
  HADAL_TRY(RunLock lock, RunLock::Take(config_.out));
  lock_.emplace(std::move(lock));
  HADAL_TRY_STATUS(options_.resume ? Resume() : Begin());
  HADAL_TRY_STATUS(io::WriteFile(OutPath("settings.toml"), SettingsText(ListSettings(config_))));
  return BeginSpeed();
}

// Goes on behind the lines of steps that are done.
Status Run::BeginSpeed() {
  const std::string path = OutPath("run_speed.csv");
  std::string text = "step,seconds,tokens_per_s,processor_seconds\n";
  if (std::error_code ignored; step_ > 0 && fs::exists(path, ignored)) {
    HADAL_TRY(const std::string old, io::ReadFile(path));
    for (std::size_t begin = old.find('\n') + 1, end; (end = old.find('\n', begin)) != old.npos;
         begin = end + 1) {
      std::size_t step = 0;
      std::from_chars(old.data() + begin, old.data() + end, step);
      if (step > 0 && step <= step_) text.append(old, begin, end + 1 - begin);
    }
  }
  HADAL_TRY_STATUS(io::WriteFile(path, text));
  speed_.open(path, std::ios::app);
  return Unit{};
}

Status Run::Begin() {
  if (!ListStates(config_.out).empty())
    return Fail(Code::kInvalid,
                "{}: holds a run already; continue it with --resume, or name another directory "
                "with --out",
                config_.out);
  // What was killed before its first state is begun again where --resume says that it was a run.
  if (!options_.resume)
    for (const char* name : {"settings.toml", "run_log.csv", "run_speed.csv", "run_probes.csv",
                             "loss_plot.svg", "model"})
      if (std::error_code ignored; fs::exists(fs::symlink_status(OutPath(name), ignored)))
        return Fail(
            Code::kInvalid,
            "{}: is there already, expected a folder without a run; go on with --resume, or "
            "name another with --out",
            OutPath(name));
  HADAL_TRY(RunLog log, RunLog::Create(OutPath("run_log.csv")));
  log_.emplace(std::move(log));
  return BeginProbes();
}

Status Run::BeginProbes() {
  if (!ProbesAnything(config_)) return Unit{};
  HADAL_TRY(LogFile probes, LogFile::Create(OutPath("run_probes.csv"), kProbeHeader));
  probes_.emplace(std::move(probes));
  return Unit{};
}

Status Run::Resume() {
  const std::vector<std::string> states = ListStates(config_.out);
  if (states.empty()) {  // killed before its first state: begin again
    spdlog::warn("resume found no state in {}; beginning at step 0", config_.out);
    return Begin();
  }
  Status status = RestoreState(states.front());
  if (!status.ok() && status.error().code == Code::kCorrupt && states.size() > 1) {
    spdlog::warn("{}; trying {}", status.error().what, states[1]);
    status = RestoreState(states[1]);
  }
  return status;
}

Status Run::RestoreState(const std::string& path) {
  HADAL_TRY(const StateInfo info, ReadStateInfo(path));
  const std::string shape = arch::ConfigToJson(model_->config(), false).Dump();
  if (info.model != shape)
    return Fail(Code::kInvalid, "{}: holds another model than {} describes", path,
                config_.model.config);
  const std::vector<std::string> changed =
      ChangedSettings(ParseSettings(info.settings), ListSettings(config_));
  if (!changed.empty() && !options_.allow_changes)
    return Fail(Code::kInvalid,
                "{}: the run began with other settings: {}; --changed continues anyway", path,
                Join(changed, ", "));
  if (info.data_fingerprint != fingerprint_ && !options_.allow_changes)
    return Fail(
        Code::kInvalid,
        "{}: the training text is not the one the run began with; --changed continues anyway",
        path);
  HADAL_TRY_STATUS(LoadState(path, AllTensors(), true));
  HADAL_TRY_STATUS(stream_.Seek(info.position));
  HADAL_TRY(RunLog log, RunLog::Continue(OutPath("run_log.csv"), info.log_bytes));
  log_.emplace(std::move(log));
  step_ = first_step_ = info.step;
  if (info.probe_bytes == 0 || !ProbesAnything(config_)) return BeginProbes();
  HADAL_TRY(LogFile probes, LogFile::Continue(OutPath("run_probes.csv"), info.probe_bytes));
  probes_.emplace(std::move(probes));
  return Unit{};
}

Status Run::Step() {
  const StepPlan plan = Plan(step_);
  const Sample sample = stream_.Next(config_.batch.rows);
  HADAL_TRY(const BatchLoss loss, gradient_.Compute(sample, plan));
  const bool evaluates = (step_ + 1) % config_.eval.every == 0 || step_ + 1 == config_.steps;
  std::vector<Measure> gradients;
  if (evaluates && config_.probe.gradients) gradients = GradientNorms(ModelParameters(model_));
  const double norm = loss.gradient_length;
  if (!std::isfinite(loss.loss) || !std::isfinite(norm)) {
    diverged_at_ = step_ + 1;
    diverged_ = fmt::format(
        "step {}: found loss {} and gradient length {}, expected finite numbers; a lower lr.peak "
        "or "
        "a longer lr.warmup_steps may help",
        diverged_at_, loss.loss, norm);
    return Unit{};
  }
  const StepSize size{plan.lr, ClipFactor(norm, config_.optimizer.clip)};
  HADAL_TRY_STATUS(muon_.Step(size, workers_));
  HADAL_TRY_STATUS(adamw_.Step(size, workers_));
  if (config_.loss.bias_speed > 0 && !plan.indexer_only)
    model_->UpdateGateBias(loss.expert_load, config_.loss.bias_speed);
  ++step_;

  LogLine line{.step = step_,
               .stage = plan.stage,
               .lr = plan.lr,
               .loss = loss.loss,
               .mtp_loss = loss.mtp_loss,
               .balance_loss = loss.balance_loss,
               .indexer_loss = loss.indexer_loss,
               .gradient_norm = norm,
               .heldout = std::nullopt};
  if (evaluates) HADAL_TRY_STATUS(Evaluate(plan, gradients, &line));
  return log_->Append(line);
}

Status Run::Evaluate(const StepPlan& plan, const std::vector<Measure>& gradients, LogLine* line) {
  const std::size_t rows = std::max<std::size_t>(1, config_.batch.rows / config_.batch.shards);
  HADAL_TRY(line->heldout, heldout_.Score(gradient_, plan, rows));
  if (!probes_) return Unit{};
  HADAL_TRY(const auto measures, ProbeHeldout(config_, heldout_, gradient_, plan, rows));
  HADAL_TRY_STATUS(probes_->Append(ProbeLines(step_, gradients)));
  return probes_->Append(ProbeLines(step_, measures));
}

Status Run::SaveNow() {
  if (!speed_) return Fail(Code::kIo, "{}: cannot write", OutPath("run_speed.csv"));
  HADAL_TRY(const std::uint64_t log_bytes, log_->Sync());
  std::uint64_t probe_bytes = 0;
  if (probes_) {
    HADAL_TRY(probe_bytes, probes_->Sync());
  }
  const StateInfo info{.step = step_,
                       .position = stream_.position(),
                       .log_bytes = log_bytes,
                       .probe_bytes = probe_bytes,
                       .data_fingerprint = fingerprint_,
                       .settings = SettingsText(ListSettings(config_)),
                       .model = arch::ConfigToJson(model_->config(), false).Dump()};
  HADAL_TRY_STATUS(SaveState(StatePath(config_.out, step_), AllTensors(), info));
  RemoveOldStates(config_.out, 2);
  const std::string title = io::NameOfFolder(config_.out);
  since_save_ = Stopwatch();
  return io::WriteFile(OutPath("loss_plot.svg"), LossPlot(log_->lines(), title));
}

void Run::Report(Progress* progress, double seconds, double processor_seconds) {
  const double rate = static_cast<double>(config_.batch.rows * config_.batch.tokens) / seconds;
  const bool first = step_ <= first_step_ + 1;
  if (!first) seconds_ += seconds;
  tokens_per_s_ = first ? rate : tokens_per_s_ + 0.05 * (rate - tokens_per_s_);
  speed_ << fmt::format("{},{:.2f},{:.0f},{:.3f}\n", step_, clock_.seconds(), rate,
                        processor_seconds)
         << std::flush;
  const LogLine& line = log_->lines().back();
  progress->Set(
      step_ - first_step_,
      fmt::format("step {}/{}  loss {:.4f}  {} tokens/s  {}", step_, config_.steps, line.loss,
                  FormatCount(static_cast<std::uint64_t>(tokens_per_s_)), StageName(line.stage)));
}

RunSummary Run::Summary(bool finished) const {
  RunSummary summary;
  summary.step = step_;
  summary.finished = finished;
  summary.diverged = diverged_;
  summary.diverged_at = diverged_at_;
  if (step_ > first_step_ + 1)
    summary.seconds_per_step = seconds_ / static_cast<double>(step_ - first_step_ - 1);
  if (log_->lines().empty()) return summary;
  summary.loss = log_->lines().back().loss;
  for (const LogLine& line : log_->lines()) {
    if (!line.heldout) continue;
    summary.heldout_nats_per_token = line.heldout->nats_per_token;
    summary.heldout_bits_per_byte = line.heldout->bits_per_byte;
  }
  return summary;
}

Result<RunSummary> Run::Loop(const std::atomic<bool>& stop) {
  Progress progress("training", config_.steps - std::min(config_.steps, step_), options_.quiet);
  while (step_ < config_.steps) {
    const Stopwatch watch;
    const double before = ProcessorSeconds();
    HADAL_TRY_STATUS(Catching(fmt::format("step {}", step_ + 1), [&] { return Step(); }));
    if (!diverged_.empty()) return Summary(false);
    Report(&progress, watch.seconds(), ProcessorSeconds() - before);
    const bool due =
        config_.checkpoint.minutes > 0 && since_save_.seconds() > 60 * config_.checkpoint.minutes;
    const bool stopping = stop.load();
    if (due || stopping || step_ % config_.checkpoint.every == 0 || step_ == config_.steps)
      HADAL_TRY_STATUS(SaveNow());
    if (stopping && step_ < config_.steps) return Summary(false);
  }
  RunSummary summary = Summary(true);
  if (!HasPublishedFormat(model_)) return summary;
  summary.model_directory = OutPath("model");
  HADAL_TRY_STATUS(ExportModel(model_, config_, summary.model_directory, true));
  return summary;
}

// At least what a run takes: parameters, their gradients and optimizer states, and what one forward
// pass keeps for its backward pass, of which the streams before every sub-layer are about a fifth.
// kExhausted: there is less.
Status CheckMemory(const TrainConfig& config, const arch::Config& model) {
  const std::uint64_t available = ReadAllowance().available_bytes;
  const arch::ParameterCount count = arch::CountParameters(model);
  const double parameters = static_cast<double>(count.total + count.mtp) * 4 * sizeof(float);
  const std::size_t rows = std::max<std::size_t>(1, config.batch.rows / config.batch.shards);
  const double tokens = static_cast<double>(rows * WorkerCount(config) * config.batch.tokens);
  const double kept = tokens * static_cast<double>(model.num_hidden_layers * model.stream_dim()) *
                      2 * 3 * sizeof(float);
  if (available == 0 || parameters + kept <= static_cast<double>(available)) return Unit{};
  return Fail(Code::kExhausted,
              "training takes at least {} for {} parameters and {} for {} x {} tokens, found {} "
              "free; a smaller batch.rows or batch.tokens, or more batch.shards, takes less",
              FormatBytes(static_cast<std::uint64_t>(parameters)),
              FormatCount(count.total + count.mtp), FormatBytes(static_cast<std::uint64_t>(kept)),
              FormatCount(rows * WorkerCount(config)), FormatCount(config.batch.tokens),
              FormatBytes(available));
}

}  // namespace

TrainConfig WithPrecision(TrainConfig config) {
  config.precision = ProductsOf(config) == Products::kBf16 ? "bf16" : "f32";
  return config;
}

Result<RunSummary> RunTraining(const TrainConfig& asked, const RunOptions& options,
                               const std::atomic<bool>& stop) {
  const TrainConfig config = WithPrecision(asked);
  HADAL_TRY(const torch::Device device, DeviceOf(config.device));
  if (device.is_cpu() && ProductsOf(config) == Products::kBf16 &&
      FastestProducts() != Products::kBf16)
    return Fail(Code::kUnsupported,
                "precision: found bf16, but this processor has no BF16 dot products (AVX512_BF16); "
                "auto and f32 work");
  if (device.is_cpu()) {
    HADAL_TRY(const arch::Config shape, ReadModelConfig(config));
    HADAL_TRY_STATUS(CheckMemory(config, shape));
  }
  HADAL_TRY(V4Model model, MakeModel(config));
  HADAL_TRY(RunData data, ReadRunData(config, model->config(), ThreadCount(config)));
  std::optional<Run> run;
  HADAL_TRY_STATUS(Catching("preparing", [&]() -> Status {
    model->to(device);
    run.emplace(config, options, std::move(model), std::move(data));
    return run->Start();
  }));
  return run->Loop(stop);
}

Result<std::size_t> StepsThatFit(const TrainConfig& asked, double minutes,
                                 const std::atomic<bool>& stop) {
  HADAL_TRY_STATUS(io::MakeFolder(fs::absolute(asked.out).parent_path().string()));
  HADAL_TRY(const io::Temporary folder, io::Temporary::MakeFolder(asked.out, /*replace=*/true));
  TrainConfig config = asked;
  config.out = folder.path();
  config.steps = 20;
  config.eval.every = config.checkpoint.every = config.steps;
  config.eval.tokens = 1;  // a row
  HADAL_TRY(const RunSummary run, RunTraining(config, {.quiet = true}, stop));
  if (!run.finished)
    return Fail(Code::kCancelled, "measuring the speed: {}",
                run.diverged.empty() ? "stopped" : run.diverged);
  return std::max<std::size_t>(1, static_cast<std::size_t>(60 * minutes / run.seconds_per_step));
}

}  // namespace hadal::train
