#include <cstdio>
#include <optional>
#include <string>

#include "base/log.h"
#include "cli/commands.h"
#include "io/bus_error.h"
#include "io/temporary.h"
#include "kernels/isa.h"

namespace hadal::cli {
namespace {

constexpr const char* kAbout =
    "hadal runs, trains and sizes DeepSeek-V4 models on ordinary machines.\n"
    "\n"
    "Examples:\n"
    "  hadal run -p \"Once upon a time\"              the embedded model continues a text\n"
    "  hadal run -m ~/DeepSeek-V4-Flash -f prompt.txt\n"
    "  hadal plan compare v3.2 v4-flash              what models cost in memory and arithmetic\n"
    "  hadal inspect models/embedded                 what a checkpoint holds\n"
    "  hadal COMMAND --help                          more about a command";

int PrintError(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "hadal: %s\n", error.what.c_str());
  return 1;
}

}  // namespace

int Main(int argc, char** argv) {
  Program program("hadal", kAbout, HADAL_VERSION);
  const Command app = program.command();
  int verbosity = 0;
  app.AddFlag("-v,--verbose", verbosity, "log more to stderr (-vv: everything)");
  Work work;
  AddRun(app, &work);
  AddTrain(app, &work);
  AddEval(app, &work);
  AddPlan(app, &work);
  AddInspect(app, &work);
  AddQuantize(app, &work);
  AddSynth(app, &work);
  AddDoctor(app, &work);
  AddBench(app, &work);
  AddTokenize(app, &work);
  AddTokenizer(app, &work);
  AddChat(app, &work);
  if (const std::optional<int> code = program.Parse(argc, argv)) return *code;
  if (!work) {  // no command, or a group of commands without one of them
    std::fprintf(stderr, "%s", program.Help().c_str());
    return 2;
  }
  StartLog(verbosity);
  io::ExplainBusErrors("hadal");
  io::RemoveTemporariesOnSignals();
  if (const Status isa = kernels::CheckForcedIsa(); !isa.ok()) return PrintError(isa.error());
  Status done = work();
  if (done.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0))
    done = Fail(Code::kIo, "the output cannot be written");
  return done.ok() ? 0 : PrintError(done.error());
}

}  // namespace hadal::cli
