#include "train/sweep_results.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <sstream>

#include "io/file.h"
#include "train/run_log.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;

std::string FileOf(const FinishedRun& run, const char* name) {
  return (fs::path(run.directory) / name).string();
}

std::string Head(const SweepPlan& plan, const FinishedRun& run) {
  const SweepVariant& variant = plan.variants[run.run.variant];
  return fmt::format("{},{},{},{},", variant.group, variant.name, run.run.peak, run.run.seed);
}

std::string RunLine(const FinishedRun& run, bool chosen, std::size_t steps) {
  std::string line =
      fmt::format("{},{},{},", chosen ? 1 : 0, run.parameters, steps * run.step_tokens);
  if (run.diverged_at > 0) return line + fmt::format(",,{}\n", run.diverged_at);
  return line + fmt::format("{:.6g},{:.6g},\n", run.heldout_nats, run.heldout_bits);
}

std::string Curve(const std::string& head, const std::vector<LogLine>& lines,
                  std::size_t step_tokens) {
  std::string text;
  double sum = 0;
  std::size_t steps = 0;
  for (const LogLine& line : lines) {
    sum += line.loss;
    ++steps;
    if (!line.heldout) continue;
    text += fmt::format("{}{},{},{:.6g},{:.6g}\n", head, line.step, line.step * step_tokens,
                        sum / static_cast<double>(steps), line.heldout->nats_per_token);
    sum = 0;
    steps = 0;
  }
  return text;
}

// Each line of a run's CSV behind its first, after `head`.
Result<std::string> Prefixed(const std::string& path, const std::string& head) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::string();
  HADAL_TRY(const std::string text, io::ReadFile(path));
  std::istringstream in(text);
  std::string line, out;
  std::getline(in, line);
  while (std::getline(in, line)) out += head + line + "\n";
  return out;
}

// The median of the last column of run_speed.csv. 0: no line has it.
Result<double> MedianOfSpeeds(const FinishedRun& run) {
  HADAL_TRY(const std::string text, io::ReadFile(FileOf(run, "run_speed.csv")));
  std::vector<double> seconds;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    double value = 0;
    const char* begin = line.data() + line.rfind(',') + 1;
    const auto [end, error] = std::from_chars(begin, line.data() + line.size(), value);
    if (error == std::errc()) seconds.push_back(value);
  }
  if (seconds.empty()) return 0.0;
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

}  // namespace

std::optional<double> ChosenPeak(const SweepPlan& plan, const std::vector<FinishedRun>& runs,
                                 std::size_t variant) {
  std::optional<double> best;
  double loss = std::numeric_limits<double>::infinity();
  std::size_t found = 0;
  for (const FinishedRun& run : runs) {
    if (run.run.variant != variant || run.run.seed != plan.seeds.front()) continue;
    ++found;
    if (best && run.heldout_nats >= loss) continue;
    best = run.run.peak;
    loss = run.heldout_nats;
  }
  if (found < plan.peaks.size()) return std::nullopt;
  return best;
}

Result<FinishedRun> ReadFinished(const SweepRun& run, const TrainConfig& config,
                                 std::int64_t parameters, std::size_t diverged_at) {
  FinishedRun finished{run, config.out, parameters, config.batch.rows * config.batch.tokens,
                       diverged_at};
  finished.heldout_nats = std::numeric_limits<double>::infinity();
  if (diverged_at > 0) return finished;
  const std::string path = FileOf(finished, "run_log.csv");
  HADAL_TRY(const std::string text, io::ReadFile(path));
  HADAL_TRY(const std::vector<LogLine> lines, ParseRunLog(text, path));
  if (lines.empty() || !lines.back().heldout)
    return Fail(Code::kCorrupt, "{}: found no held-out loss in its last line", path);
  finished.heldout_nats = lines.back().heldout->nats_per_token;
  finished.heldout_bits = lines.back().heldout->bits_per_byte;
  return finished;
}

Status WriteResults(const SweepPlan& plan, const std::vector<FinishedRun>& runs,
                    const std::string& folder) {
  const std::string key = "group,variant,peak,seed,";
  std::string all = key + "chosen,parameters,tokens,heldout_nats,heldout_bits,diverged_at\n",
              curves = key + "step,tokens,loss,heldout_nats\n", probes = key + "step,name,value\n",
              speeds = key + "processor_seconds\n";
  for (const FinishedRun& run : runs) {
    const std::string head = Head(plan, run), path = FileOf(run, "run_log.csv");
    const bool chosen = ChosenPeak(plan, runs, run.run.variant) == run.run.peak;
    HADAL_TRY(const std::string log, io::ReadFile(path));
    HADAL_TRY(const std::vector<LogLine> lines, ParseRunLog(log, path));
    all += head + RunLine(run, chosen, lines.size());
    curves += Curve(head, lines, run.step_tokens);
    HADAL_TRY(const double seconds, MedianOfSpeeds(run));
    speeds += head + fmt::format("{:.3f}\n", seconds);
    HADAL_TRY(const std::string more, Prefixed(FileOf(run, "run_probes.csv"), head));
    probes += more;
  }
  HADAL_TRY_STATUS(io::WriteFile((fs::path(folder) / "runs.csv").string(), all));
  HADAL_TRY_STATUS(io::WriteFile((fs::path(folder) / "curves.csv").string(), curves));
  HADAL_TRY_STATUS(io::WriteFile((fs::path(folder) / "probes.csv").string(), probes));
  return io::WriteFile((fs::path(folder) / "speed.csv").string(), speeds);
}

}  // namespace hadal::train
