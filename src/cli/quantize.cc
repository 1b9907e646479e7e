#include "cli/quantize.h"

#include <filesystem>
#include <iostream>
#include <memory>

#include "base/clock.h"
#include "base/json.h"
#include "base/stop_signal.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/note.h"
#include "convert/quantize.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuantizeAbout =
    "Convert a checkpoint between float and the published FP8 + FP4 format.\n"
    "\n"
    "OUT appears whole or not at all. The tokenizer's files are copied. Tensors that are already "
    "in\n"
    "the wanted format stay as they are, byte for byte.\n"
    "\n"
    "Examples:\n"
    "  hadal quantize trained/ out/                          float to the published format\n"
    "  hadal quantize ~/DeepSeek-V4-Flash flash-bf16 --to bf16\n"
    "  hadal quantize trained/ out/ --to f32 --force         replace the model in out/";

}  // namespace

Status Quantize(const QuantizeCommand& command, std::ostream& out) {
  const std::optional<convert::Format> format = convert::FormatFromName(command.to);
  if (!format) {
    return Fail(Code::kInvalid, "--to: found '{}', expected published, f32 or bf16", command.to);
  }
  std::error_code ignored;
  if (!command.force && fs::is_directory(command.out, ignored) &&
      !fs::is_empty(command.out, ignored)) {
    return Fail(Code::kInvalid,
                "{}: found a folder with files in it, expected none or an empty one; --force "
                "replaces a model",
                command.out);
  }
  const Stopwatch clock;
  const convert::QuantizeOptions options{.to = *format,
                                         .write = {.replace = command.force,
                                                   .quiet = command.quiet || command.json,
                                                   .cancel = &StopRequested()},
                                         .on_note = PrintNote};
  const auto report = convert::QuantizeCheckpoint(command.in, command.out, options);
  if (!report.ok()) return report.error();
  if (command.json) {
    out << Json::MakeObject({{"tensors", report->written.tensors},
                             {"files", report->written.files},
                             {"read_bytes", report->read_bytes},
                             {"written_bytes", report->written.bytes},
                             {"seconds", clock.seconds()}})
               .Dump()
        << '\n';
  } else {
    out << fmt::format("{}: {} tensors, {} from {}, in {} file{}, {}\n", command.out,
                       FormatCount(report->written.tensors), FormatBytes(report->written.bytes),
                       FormatBytes(report->read_bytes), report->written.files,
                       report->written.files == 1 ? "" : "s", FormatDuration(clock.seconds()));
  }
  return Unit{};
}

void AddQuantize(Command app, Work* work) {
  auto command = std::make_shared<QuantizeCommand>();
  const Command quantize = app.AddCommand("quantize", kQuantizeAbout);
  quantize.AddOption("IN", command->in, "checkpoint directory").Required();
  quantize.AddOption("OUT", command->out, "directory to write").Required();
  quantize.AddOption("--to", command->to, "published (FP8 + FP4), f32 or bf16")
      .Check(OneOf({"published", "f32", "bf16"}))
      .ShowDefault();
  quantize.AddFlag("--force", command->force, "replace a model that is in OUT");
  quantize.AddFlag("--quiet", command->quiet, "no progress line");
  quantize.AddFlag("--json", command->json, "print one JSON object");
  quantize.OnChosen(
      [command, work] { *work = [command] { return Quantize(*command, std::cout); }; });
}

}  // namespace hadal::cli
