#include "cli/synth.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "arch/synthetic.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/stop_signal.h"
#include "base/threads.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "convert/expert_skew.h"
#include "convert/synth.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

constexpr const char* kSynthAbout =
    "Write a random checkpoint in the published format, to measure with.\n"
    "\n"
    "Fewer layers than the shape has: its ratios from the first layer on, of two equal first ones\n"
    "only one (flash in 4 layers: 0,4,128,4; v3.2: one dense layer and three with experts), and "
    "no\n"
    "MTP block. There is no tokenizer.\n"
    "The same seed gives the same bytes.\n"
    "\n"
    "Examples:\n"
    "  hadal synth flash-4L --shape flash --layers 4 --experts 64\n"
    "  hadal synth tiny --shape models/embedded/config.json --seed 7\n"
    "  hadal synth hot --shape flash --layers 4 --skew 1\n"
    "  hadal synth two --shape pro --ratios 128,4 --vocab 8192 --mtp";

Result<arch::Config> ReadShape(const std::string& shape) {
  if (shape == "flash") return arch::FlashShape();
  if (shape == "pro") return arch::ProShape();
  if (shape == "v3.2") return arch::V32Shape();
  auto text = io::ReadFile(shape, 1 << 24);
  if (!text.ok()) {
    return Fail(text.error().code,
                "--shape: found '{}', expected flash, pro, v3.2 or a config.json ({})", shape,
                text.error().what);
  }
  auto json = ParseJson(*text);
  if (!json.ok()) return Within(shape, json.error());
  auto config = arch::ParseConfig(*json);
  if (!config.ok()) return Within(shape, config.error());
  return config;
}

}  // namespace

Result<arch::Config> SynthShape(const SynthCommand& command) {
  HADAL_TRY(const arch::Config shape, ReadShape(command.shape));
  return arch::ChangeShape(shape, command.changes);
}

Status Synth(const SynthCommand& command, std::ostream& out) {
  HADAL_TRY(const arch::Config config, SynthShape(command));
  const Stopwatch clock;
  Threads threads(command.threads == 0 ? Threads::HardwareCount() : command.threads);
  const convert::SynthOptions options{.seed = command.seed,
                                      .skew = command.skew,
                                      .write = {.replace = command.force,
                                                .quiet = command.quiet || command.json,
                                                .cancel = &StopRequested()}};
  auto report = convert::WriteRandomCheckpoint(config, command.out, options, threads);
  if (!report.ok()) return report.error();
  if (command.json) {
    out << Json::MakeObject({{"tensors", report->tensors},
                             {"files", report->files},
                             {"bytes", report->bytes},
                             {"skew", command.skew},
                             {"seconds", clock.seconds()}})
               .Dump()
        << '\n';
  } else {
    out << fmt::format("{}: {} tensors, {} in {} file{}, {}; experts chosen {}\n", command.out,
                       FormatCount(report->tensors), FormatBytes(report->bytes), report->files,
                       report->files == 1 ? "" : "s", FormatDuration(clock.seconds()),
                       arch::RoutingInWords(arch::Synthetic{command.seed, command.skew}));
  }
  return Unit{};
}

void AddSynth(Command app, Work* work) {
  auto command = std::make_shared<SynthCommand>();
  const Command synth = app.AddCommand("synth", kSynthAbout);
  arch::ShapeChanges& changes = command->changes;
  synth.AddOption("OUT", command->out, "directory to write").Required();
  synth.AddOption("--shape", command->shape, "flash, pro, v3.2, or a config.json to take it from")
      .ShowDefault();
  // Bounds of what can be counted; which shapes make a model, the reader of config.json says.
  const auto count = [&](const char* name, std::optional<std::size_t>* value, const char* about) {
    synth.AddOption(name, *value, about).Check(WholeNumber(1, std::size_t{1} << 24));
  };
  count("--layers", &changes.layers, "so many layers (default: the shape's)");
  count("--experts", &changes.experts, "so many routed experts (default: the shape's)");
  count("--vocab", &changes.vocab, "so many tokens (default: the shape's)");
  synth.AddOption("--ratios", changes.ratios, "compress ratio of each layer: 0, 4 or 128")
      .Delimiter(',')
      .Check(OneOf({"0", "4", "128"}));
  synth.AddFlag("--mtp,!--no-mtp", changes.mtp, "with the block that predicts a second token");
  synth.AddOption("--seed", command->seed, "what the numbers are drawn from")
      .Check(WholeNumber())
      .ShowDefault();
  synth
      .AddOption("--skew", command->skew,
                 "how unevenly experts are chosen: the r-th of a layer as often as r to the power "
                 "of minus this")
      .Check(Number([](double skew) -> Status {
        if (skew >= 0 && skew <= convert::ExpertSkew::kMost) return Unit{};
        return Fail(Code::kInvalid, "found {}, expected a number from 0 to {}", skew,
                    convert::ExpertSkew::kMost);
      }))
      .ShowDefault();
  AddThreads(synth, &command->threads);
  synth.AddFlag("--force", command->force, "replace a model that is in OUT");
  synth.AddFlag("--quiet", command->quiet, "no progress line");
  synth.AddFlag("--json", command->json, "print one JSON object");
  synth.OnChosen([command, work] { *work = [command] { return Synth(*command, std::cout); }; },
                 [command] { return StatusOf(SynthShape(*command)); });
}

}  // namespace hadal::cli
