#include "cli/inspect.h"

#include <iostream>
#include <memory>

#include "base/quote.h"
#include "cli/commands.h"
#include "cli/inspection.h"

namespace hadal::cli {
namespace {

constexpr const char* kInspectAbout =
    "Show what a checkpoint holds: its shape, parameters and bytes by component and by dtype.\n"
    "\n"
    "Every tensor is compared with config.json; what is missing, misshapen or too much is listed,\n"
    "and the exit code is then 1. --verify reads every number too and names those that are not\n"
    "finite, NaN codes of FP8 among them.\n"
    "\n"
    "Examples:\n"
    "  hadal inspect ~/DeepSeek-V4-Flash\n"
    "  hadal inspect ~/DeepSeek-V4-Flash --filter layers.2.attn     tensors with this in their "
    "name\n"
    "  hadal inspect models/embedded --tensors --json | jq .tensor_list";

}  // namespace

Status Inspect(const InspectOptions& options, std::ostream& out) {
  HADAL_TRY(const Inspection inspection,
            InspectCheckpoint(options.directory, {.filter = options.filter,
                                                  .verify = options.verify,
                                                  .quiet = options.quiet || options.json}));
  const bool list = options.tensors || !options.filter.empty();
  if (options.json)
    out << InspectionJson(inspection, list).Dump(2) << '\n';
  else
    out << EscapeLines(InspectionText(inspection, list));
  if (inspection.problems.empty()) return Unit{};
  const std::size_t more = inspection.problems.size() + inspection.unlisted_problems - 1;
  return Fail(Code::kCorrupt, "{}{}", inspection.problems[0],
              more == 0 ? "" : fmt::format(" (and {} more)", more));
}

void AddInspect(Command app, Work* work) {
  auto options = std::make_shared<InspectOptions>();
  const Command inspect = app.AddCommand("inspect", kInspectAbout);
  inspect.AddOption("DIR", options->directory, "checkpoint directory").Required();
  inspect.AddText("--filter", options->filter, "list the tensors with this in their name");
  inspect.AddFlag("--tensors", options->tensors, "list every tensor");
  inspect.AddFlag("--verify", options->verify, "read every number: all must be finite");
  inspect.AddFlag("--quiet", options->quiet, "no progress line");
  inspect.AddFlag("--json", options->json, "print one JSON object");
  inspect.OnChosen([options, work] { *work = [options] { return Inspect(*options, std::cout); }; });
}

}  // namespace hadal::cli
