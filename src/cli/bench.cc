#include "measure/bench.h"

#include <cstdio>
#include <memory>

#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/units.h"
#include "cache/prefix_cache.h"
#include "cli/commands.h"
#include "cli/expert_flags.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "cli/overwrite.h"
#include "io/file.h"
#include "measure/bench_speculate.h"

namespace hadal::cli {
namespace {

constexpr const char* kBenchAbout =
    "Measure speed and memory of a model on this machine.\n"
    "\n"
    "Figures are medians with the smallest and the largest of several samples. Shares are of what\n"
    "this run measured of the machine (see hadal doctor): prefill of the arithmetic's peak, each\n"
    "sample of decoding of what the memory gave right before and after it. A depth is reached by\n"
    "a random state (--fill random) or by reading so many tokens (--fill real). The model needs "
    "no\n"
    "tokenizer. What does not fit into memory, or into --ram, is left out and said.\n"
    "\n"
    "Examples:\n"
    "  hadal bench --quick\n"
    "  hadal bench -m flash-4L --depth 0,32K,128K,1M --batch 1,8 --json\n"
    "  hadal bench --prefix 1K,8K --prefill 64 --depth 0\n"
    "  hadal bench -m flash-43L --prefix-random 128K --prefix-dir kept --prefill 64 --depth 0\n"
    "  hadal bench -m flash-4L --prefill 512 --prefill-depth 0,1M --svg speed.svg\n"
    "  hadal bench --speculate";

struct BenchCommand {
  measure::BenchOptions bench;
  std::string fill = "random", format = "text", svg;
  std::string experts = "auto";
  bool json = false, speculate = false, force = false;
};

Status RunSpeculate(const BenchCommand& command, const measure::BenchOptions& bench) {
  HADAL_TRY(const measure::SpeculateReport report,
            measure::RunSpeculateBench(bench, [&](const std::string& step) {
              if (!command.json) std::fprintf(stderr, "%s\n", step.c_str());
            }));
  const std::string text = command.json
                               ? measure::SpeculateReportJson(report).Dump(2) + "\n"
                               : measure::SpeculateReportText(report, command.format == "markdown");
  std::fputs(text.c_str(), stdout);
  return Unit{};
}

Status RunCommand(BenchCommand command) {
  measure::BenchOptions& bench = command.bench;
  if (!bench.prefix_folder.empty() && bench.prefix.empty() && bench.prefix_random.empty())
    return Fail(Code::kInvalid, "--prefix-dir '{}' needs --prefix or --prefix-random",
                bench.prefix_folder);
  HADAL_TRY_STATUS(CheckNamed(command.svg, kPlotKind, command.force));
  if (bench.quick) bench.sample_seconds = 0.05;
  bench.random_fill = command.fill == "random";
  bench.cancel = &StopRequested();
  bench.on_note = PrintNote;
  const engine::OpenOptions open =
      OpenWith({.from = command.experts}, bench.ram_bytes, *bench.cancel, command.json);
  bench.experts = open.experts;
  bench.on_reading = open.on_reading;
  if (command.speculate) return RunSpeculate(command, bench);
  HADAL_TRY(const measure::BenchReport report,
            measure::RunBench(bench, [&](const std::string& step) {
              if (!command.json) std::fprintf(stderr, "%s\n", step.c_str());
            }));
  const measure::BenchForm form = command.format == "csv"        ? measure::BenchForm::kCsv
                                  : command.format == "markdown" ? measure::BenchForm::kMarkdown
                                                                 : measure::BenchForm::kText;
  const std::string text =
      command.json ? measure::BenchJson(report).Dump(2) + "\n" : measure::BenchText(report, form);
  std::fputs(text.c_str(), stdout);
  return command.svg.empty() ? Unit{} : io::WriteFile(command.svg, measure::BenchSvg(report));
}

}  // namespace

void AddBench(Command app, Work* work) {
  auto command = std::make_shared<BenchCommand>();
  measure::BenchOptions& bench = command->bench;
  const Command sub = app.AddCommand("bench", kBenchAbout);
  const auto list = [&](const char* name, std::vector<std::uint64_t>* values, std::uint64_t min,
                        const char* about) {
    return sub.AddOption(name, *values, about).Delimiter(',').Check(Size(min));
  };
  sub.AddOption("-m,--model", bench.model, "checkpoint directory (default: the embedded model)");
  const Option prefill = list("--prefill", &bench.prefill, 1, "prompt lengths (default: 512,2048)");
  list("--prefill-depth", &bench.prefill_depth, 0, "tokens before the prompt (default: 0)");
  list("--prefix", &bench.prefix, cache::PrefixCache::kLeastTokens,
       "prompt lengths to go on from kept states of (default: none)");
  list("--prefix-random", &bench.prefix_random, cache::PrefixCache::kLeastTokens,
       "the same of random states, which are not read first (default: none)");
  sub.AddOption("--prefix-dir", bench.prefix_folder,
                "a folder, as --cache-dir's, where the states of --prefix and --prefix-random are "
                "written, read back and removed");
  const Option depth = list("--depth", &bench.depth, 0,
                            "tokens of context to decode at (default: 0,4K,32K,128K,512K,1M)");
  sub.AddOption("--threads", bench.threads, "numbers of threads (default: one for each core)")
      .Delimiter(',')
      .Check(WholeNumber(1, 1024));
  sub.AddOption("--batch", bench.batch, "sequences decoded together (default: 1)")
      .Delimiter(',')
      .Check(WholeNumber(1, 4096));
  sub.AddOption("--fill", command->fill, "how a depth is reached")
      .Check(OneOf({"random", "real"}))
      .ShowDefault();
  sub.AddOption("--repeat", bench.repeat, "samples of each figure")
      .Check(WholeNumber(1, 1000))
      .ShowDefault();
  sub.AddOption("--chunk", bench.chunk_tokens, "tokens of a forward pass in prefill")
      .Check(Size(1, 65536))
      .ShowDefault();
  AddRam(sub, &bench.ram_bytes);
  AddExpertsFrom(sub, &command->experts);
  AddExpertsProfile(sub, &bench.experts_profile, "none");
  sub.AddFlag("--beyond", bench.beyond, "also contexts longer than the model's own, and say so");
  sub.AddFlag("--quick", bench.quick, "small and short, to see that it works");
  sub.AddOption("--format", command->format, "of the output")
      .Check(OneOf({"text", "markdown", "csv"}))
      .ShowDefault();
  sub.AddOption("--svg", command->svg, "also write a plot of speed and memory over depth");
  AddForce(sub, &command->force);
  const Option speculate = sub.AddFlag(
      "--speculate", command->speculate,
      "instead: what guessing tokens is worth, of a pass of 1 to 4 rows, and in prose, chat and "
      "copied text");
  for (const char* name :
       {"--prefill", "--prefill-depth", "--prefix", "--prefix-random", "--prefix-dir", "--batch",
        "--fill", "--svg", "--experts", "--experts-profile"})
    speculate.Excludes(sub.Find(name));
  sub.AddFlag("--json", command->json, "print one JSON object");
  sub.OnChosen([command, prefill, depth, work] {
    measure::BenchOptions& options = command->bench;
    if (options.quick && !prefill.given()) options.prefill = {64};
    if (options.quick && !depth.given() && !command->speculate) options.depth = {0, 4096};
    *work = [command] { return RunCommand(*command); };
  });
}

}  // namespace hadal::cli
