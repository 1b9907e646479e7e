// hadal-train CONFIG.toml: trains a model (trainer.h); --sweep FOLDER: many (sweep.h). Exit codes:
// 0 done, 1 failed or stopped, 2 bad usage.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <sstream>

#include "base/exceptions.h"
#include "base/log.h"
#include "base/quote.h"
#include "base/stop_signal.h"
#include "io/bus_error.h"
#include "io/temporary.h"
#include "train/sweep.h"
#include "train/trainer.h"

namespace {

using hadal::Status;
using hadal::Unit;

// OpenBLAS before 0.3.27 does not know AMD's Zen 5 and takes kernels for Haswell, at half the
// speed; the ones for Skylake-X are right for any AVX-512 machine. It chooses when it is loaded,
// which is before main: hence the new start. Threads that wait should sleep: workers outnumber no
// processor.
void ChooseBlasKernels(char** argv) {
#if defined(__x86_64__)
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr || std::getenv("HADAL_TRAIN_STARTED") != nullptr)
    return;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") ||
      !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512dq"))
    return;
  setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  setenv("HADAL_TRAIN_STARTED", "1", 1);  // once, whatever happens
  setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  execv("/proc/self/exe", argv);  // if it fails: on with the slow kernels
#else
  (void)argv;
#endif
}

// Each step frees and asks for the same memory. By default large pieces go back to the system and
// are fetched again, zeroed, page by page; kept, they cost nothing.
void KeepMemory() {
#if defined(__GLIBC__)
  mallopt(M_ARENA_MAX, 1);  // other arenas cannot grow past 64 MB and return what is larger
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

struct Arguments {
  std::string config, out, export_directory, sweep;
  std::size_t steps = 0, threads = 0;
  double minutes = 0;
  bool quiet = false, force = false, quick = false;
  hadal::train::RunOptions run;
};

void AddFlags(CLI::App& app, Arguments& a) {
  CLI::Option* config = app.add_option("CONFIG", a.config, "TOML file: model, data, schedule");
  CLI::Option* resume =
      app.add_flag("--resume", a.run.resume, "continue from the last saved state");
  CLI::Option* changed =
      app.add_flag("--changed", a.run.allow_changes, "with --resume: accept changed settings")
          ->needs(resume);
  CLI::Option* steps =
      app.add_option("--steps", a.steps, "steps of the whole run, instead of the file's")
          ->check(CLI::Range(1, 1000000000));
  CLI::Option* minutes =
      app.add_option("--minutes", a.minutes,
                     "as many steps as take about so long, by the speed of 20 before the run")
          ->check(CLI::Range(0.01, 1e6))
          ->excludes(steps)
          ->excludes(resume);
  CLI::Option* sweep =
      app.add_option(
             "--sweep", a.sweep,
             "train FOLDER/sweep.toml's variants with its learning rates and seeds; goes on "
             "where it was stopped")
          ->type_name("FOLDER");
  for (CLI::Option* other : {config, resume, changed, steps, minutes}) sweep->excludes(other);
  app.add_flag("--quick", a.quick, "with --sweep: its short form")->needs(sweep);
  app.add_option("--threads", a.threads, "instead of the file's")->check(CLI::Range(1, 1024));
  app.add_option("--out", a.out, "directory of the run, instead of the file's");
  CLI::Option* exported =
      app.add_option("--export", a.export_directory,
                     "write the model of the last saved state here; do not train")
          ->check([](const std::string& folder) {
            return folder.empty() ? std::string("found '', expected a directory") : std::string();
          });
  for (CLI::Option* other : {sweep, resume, steps, minutes}) exported->excludes(other);
  app.add_flag("--force", a.force, "with --export: replace a model that is there")->needs(exported);
  app.add_flag("--quiet", a.quiet, "no progress");
  app.add_flag_callback(
      "--settings",
      [] {
        std::fputs(hadal::train::SettingsText(hadal::train::ListSettings({})).c_str(), stdout);
        std::exit(0);
      },
      "print every setting with its default, and exit");
  app.callback([&a] {
    if (a.config.empty() && a.sweep.empty()) throw CLI::RequiredError("CONFIG, or --sweep");
  });
  app.footer(
      "Example:\n  hadal-train models/embedded/phase1.toml --steps 200 --out /tmp/run\n"
      "Ctrl-C finishes the step, saves, and stops; --resume goes on from there, after a kill too.");
}

// The code to exit with, if that is all; else the arguments.
std::optional<int> Parse(int argc, char** argv, Arguments* arguments) {
  CLI::App app("Trains a model of the DeepSeek-V4 architecture.", "hadal-train");
  AddFlags(app, *arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream help, errors;
    const bool fine = app.exit(error, help, errors) == 0;
    std::fputs(help.str().c_str(), stdout);
    std::fputs(hadal::EscapeLines(errors.str()).c_str(), stderr);
    return fine ? 0 : 2;
  }
  arguments->run.quiet = arguments->quiet;
  return {};
}

Status WorkOnSweep(const Arguments& a) {
  HADAL_TRY(hadal::train::SweepPlan plan, hadal::train::ReadSweepPlan(a.sweep));
  if (!a.out.empty()) plan.out = a.out;
  HADAL_TRY(const hadal::train::SweepSummary sweep,
            RunSweep(std::move(plan), {.quick = a.quick, .quiet = a.quiet, .threads = a.threads},
                     hadal::StopRequested()));
  if (!sweep.finished)
    return hadal::Fail(hadal::Code::kCancelled,
                       "stopped in run {} of {}; the same command goes on from there",
                       sweep.runs + 1, sweep.planned);
  fmt::print("{} runs\nresults: {}\n", sweep.runs, sweep.results);
  return Unit{};
}

Status Work(const Arguments& a) {
  if (!a.sweep.empty()) return WorkOnSweep(a);
  HADAL_TRY(hadal::train::TrainConfig config, hadal::train::ReadTrainConfig(a.config));
  if (!a.out.empty()) config.out = a.out;
  if (a.steps > 0) config.steps = a.steps;
  if (a.threads > 0) config.threads = a.threads;
  std::error_code ignored;
  if (!a.export_directory.empty() && !a.force &&
      std::filesystem::is_directory(a.export_directory, ignored) &&
      !std::filesystem::is_empty(a.export_directory, ignored))
    return hadal::Fail(hadal::Code::kInvalid,
                       "{}: found a folder with files in it, expected none or an empty one; "
                       "--force replaces a model",
                       a.export_directory);
  if (!a.export_directory.empty())
    return hadal::train::ExportNewestState(config, a.export_directory, a.force);
  if (a.minutes > 0) {
    HADAL_TRY(config.steps, StepsThatFit(config, a.minutes, hadal::StopRequested()));
    spdlog::info("minutes={} steps={}", a.minutes, config.steps);
  }
  HADAL_TRY(const hadal::train::RunSummary run, RunTraining(config, a.run, hadal::StopRequested()));
  if (!run.diverged.empty()) return hadal::Fail(hadal::Code::kInvalid, "{}", run.diverged);
  if (!run.finished)
    return hadal::Fail(
        hadal::Code::kCancelled,
        "stopped after step {} of {}; continue with: hadal-train {} --resume{}{}", run.step,
        config.steps, a.config, a.out.empty() ? "" : " --out " + a.out,
        a.steps > 0 || a.minutes > 0 ? fmt::format(" --steps {}", config.steps) : "");
  fmt::print(
      "{} steps, loss {:.4f}, held out {:.4f} nats per token, {:.4f} bits per byte\nmodel: {}\n",
      run.step, run.loss, run.heldout_nats_per_token, run.heldout_bits_per_byte,
      run.model_directory);
  return Unit{};
}

Status ParseAndWork(int argc, char** argv, std::optional<int>* code) {
  Arguments arguments;
  *code = Parse(argc, argv, &arguments);
  if (*code) return Unit{};
  hadal::StartLog(arguments.quiet ? 0 : 1);
  hadal::io::ExplainBusErrors("hadal-train");
  hadal::io::RemoveTemporariesOnSignals();
  return Work(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  ChooseBlasKernels(argv);
  KeepMemory();
  hadal::KeepMemoryForErrors();
  std::optional<int> code;
  const Status status = hadal::Caught([&] { return ParseAndWork(argc, argv, &code); });
  if (status.ok()) return code.value_or(0);
  std::fprintf(stderr, "hadal-train: %s\n", hadal::OneLine(status.error().what).c_str());
  return 1;
}
