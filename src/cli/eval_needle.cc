// hadal eval needle: what a model finds again in long texts.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/progress.h"
#include "base/stop_signal.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/note.h"
#include "cli/overwrite.h"
#include "eval/needle.h"
#include "eval/needle_report.h"
#include "io/checkpoint_files.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

constexpr const char* kEvalNeedleAbout =
    "How well a model finds again what it has read in a long text.\n"
    "\n"
    "Sentences with a key and a value lie in the text, and at its end each is asked for. For\n"
    "what is lost the table says where: \"readout\" (not found in a short text either), "
    "\"recall\"\n"
    "(the indexer chose no entry that holds it), \"resolution\" (another token of the entry was\n"
    "said), \"position\" (chosen, and found near by, but not from so far). The answer is given\n"
    "up to what is asked for; with --unaided the model says all of it, and \"wording\" is what it\n"
    "finds when its answer is begun for it.\n"
    "\n"
    "Examples:\n"
    "  hadal eval needle -m models/embedded --quick\n"
    "  hadal eval needle -m models/recall --unaided\n"
    "  hadal eval needle --lengths 4K,64K,1M --haystack book.txt --svg needle.svg";

struct NeedleFlags {
  std::string model, svg;
  std::vector<std::string> lengths = {"4K", "16K", "64K"}, haystack;
  eval::NeedleOptions eval;
  std::size_t threads = 0;
  bool quick = false, json = false, force = false;
};

Status Needle(NeedleFlags flags) {
  flags.eval.lengths.clear();
  for (const std::string& length : flags.lengths)
    flags.eval.lengths.push_back(ParseSize(length).value());  // checked as a flag
  std::vector<std::size_t>& lengths = flags.eval.lengths;
  std::ranges::sort(lengths);
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  HADAL_TRY_STATUS(CheckNamed(flags.svg, kPlotKind, flags.force));
  if (flags.quick) {
    flags.eval.lengths = {1024, 4096};
    flags.eval.depths = 3;
    flags.eval.trials = 8;
  }
  for (const std::string& path : flags.haystack) {
    HADAL_TRY(const std::string text, io::ReadFile(path));
    NoteOtherBytes(path, text);
    flags.eval.haystack += text + "\n";
  }
  flags.eval.cancel = &StopRequested();
  HADAL_TRY(const engine::ModelFiles files, engine::OpenModel(flags.model));
  Threads threads(flags.threads);
  std::optional<Progress> progress;
  const auto result = eval::RunNeedles(
      files, threads, flags.eval,
      {.on_progress =
           [&](std::uint64_t done, std::uint64_t total) {
             if (!progress) progress.emplace("reading", total, flags.json);
             progress->Set(done, fmt::format("{:.0f} tokens/s", progress->PerSecond(done)));
           },
       .on_note = PrintNote});
  progress.reset();
  if (!result.ok()) return result.error();
  if (!result->chat && !flags.json)
    std::fprintf(stderr, "hadal: the tokenizer has no chat format: questions are put as text\n");
  const std::string text =
      flags.json ? eval::NeedleJson(*result).Dump(2) + "\n" : eval::NeedleTable(*result);
  std::fputs(text.c_str(), stdout);
  if (flags.svg.empty()) return Unit{};
  return io::WriteFile(flags.svg, eval::NeedleSvg(*result, io::NameOfFolder(files.directory)));
}

}  // namespace

void AddEvalNeedle(Command eval, Work* work) {
  auto flags = std::make_shared<NeedleFlags>();
  const Command needle = eval.AddCommand("needle", kEvalNeedleAbout);
  needle.AddOption("-m,--model", flags->model,
                   "checkpoint directory (default: the embedded model)");
  needle.AddOption("--lengths", flags->lengths, "lengths of the text in tokens, as 4K,64K,1M")
      .Delimiter(',')
      .Check(Size(1))
      .ShowDefault();
  needle.AddOption("--depths", flags->eval.depths, "how many depths, from 0 to 100 %")
      .Check(WholeNumber(1, 101))
      .ShowDefault();
  needle.AddOption("--trials", flags->eval.trials, "questions for each length and depth")
      .Check(WholeNumber(1, 1000000))
      .ShowDefault();
  needle.AddOption("--share", flags->eval.share, "of a text that is needles, at most")
      .ShowDefault();
  needle
      .AddOption("--haystack", flags->haystack,
                 "text to hide needles in; several times (default: made-up stories)")
      .OneValueEach();
  needle.AddFlag("--unaided", flags->eval.unaided, "the model says the whole answer itself");
  needle.AddOption("--seed", flags->eval.seed, "other needles and texts").ShowDefault();
  needle.AddOption("--svg", flags->svg, "write a heat map here");
  AddForce(needle, &flags->force);
  needle.AddFlag("--quick", flags->quick, "1K and 4K tokens, 3 depths, 8 trials");
  AddRam(needle, &flags->eval.ram_bytes);
  AddThreads(needle, &flags->threads);
  needle.AddFlag("--json", flags->json, "print one JSON object");
  needle.OnChosen([flags, work] { *work = [flags] { return Needle(*flags); }; });
}

}  // namespace hadal::cli
