#include "cli/synth.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "base/clock.h"
#include "base/json.h"
#include "base/threads.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "convert/synth.h"
#include "io/file.h"

namespace hadal::cli {
namespace {

constexpr const char* kAbout =
    "Write a random checkpoint in the published format, to measure with.\n"
    "\n"
    "Fewer layers than the shape has: its ratios from the first layer on, of two equal first ones\n"
    "only one (flash in 4 layers: 0,4,128,4), and no MTP block. There is no tokenizer.\n"
    "The same seed gives the same bytes.\n"
    "\n"
    "Examples:\n"
    "  hadal synth flash-4L --shape flash --layers 4 --experts 64\n"
    "  hadal synth tiny --shape models/embedded/config.json --seed 7\n"
    "  hadal synth two --shape pro --ratios 128,4 --vocab 8192 --mtp";

Result<arch::Config> ReadShape(const std::string& shape) {
  if (shape == "flash") return arch::FlashShape();
  if (shape == "pro") return arch::ProShape();
  auto text = io::ReadFile(shape, 1 << 24);
  if (!text.ok()) {
    return Fail(text.error().code, "--shape: found '{}', expected flash, pro or a config.json ({})",
                shape, text.error().what);
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
  const convert::SynthOptions options{
      .seed = command.seed, .replace = command.force, .quiet = command.quiet || command.json};
  auto report = convert::WriteRandomCheckpoint(config, command.out, options, threads);
  if (!report.ok()) return report.error();
  if (command.json) {
    out << Json::MakeObject({{"tensors", report->tensors},
                             {"files", report->files},
                             {"bytes", report->bytes},
                             {"seconds", clock.seconds()}})
               .Dump()
        << '\n';
  } else {
    out << fmt::format("{}: {} tensors, {} in {} file{}, {}\n", command.out,
                       FormatCount(report->tensors), FormatBytes(report->bytes), report->files,
                       report->files == 1 ? "" : "s", FormatDuration(clock.seconds()));
  }
  return Unit{};
}

void AddSynth(CLI::App& app, Work* work) {
  auto command = std::make_shared<SynthCommand>();
  CLI::App* synth = app.add_subcommand("synth", kAbout);
  arch::ShapeChanges& changes = command->changes;
  synth->add_option("OUT", command->out, "directory to write")->required();
  synth->add_option("--shape", command->shape, "flash, pro, or a config.json to take it from")
      ->capture_default_str();
  // Bounds of what can be counted; which shapes make a model, the reader of config.json says.
  const auto count = [&](const char* name, std::optional<std::size_t>* value, const char* about) {
    synth->add_option(name, *value, about)->check(WholeNumber(1, std::size_t{1} << 24));
  };
  count("--layers", &changes.layers, "so many layers (default: the shape's)");
  count("--experts", &changes.experts, "so many routed experts (default: the shape's)");
  count("--vocab", &changes.vocab, "so many tokens (default: the shape's)");
  synth->add_option("--ratios", changes.ratios, "compress ratio of each layer: 0, 4 or 128")
      ->delimiter(',')
      ->check(CLI::IsMember({"0", "4", "128"}));
  synth->add_flag("--mtp,!--no-mtp", changes.mtp, "with the block that predicts a second token");
  synth->add_option("--seed", command->seed, "what the numbers are drawn from")
      ->check(WholeNumber())
      ->capture_default_str();
  AddThreads(synth, &command->threads);
  synth->add_flag("--force", command->force, "replace a model that is in OUT");
  synth->add_flag("--quiet", command->quiet, "no progress line");
  synth->add_flag("--json", command->json, "print one JSON object");
  synth->callback([command, work] { *work = [command] { return Synth(*command, std::cout); }; });
}

}  // namespace hadal::cli
