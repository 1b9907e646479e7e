#include <cstdio>
#include <optional>
#include <string>

#include "base/exceptions.h"
#include "base/log.h"
#include "base/quote.h"
#include "cli/commands.h"
#include "io/bus_error.h"
#include "io/temporary.h"
#include "kernels/isa.h"

namespace hadal::cli {
namespace {

constexpr const char* kProgramAbout =
    "hadal runs, trains and sizes DeepSeek-V4 models on ordinary machines.\n"
    "\n"
    "Examples:\n"
    "  hadal run -p \"Once upon a time\"              the embedded model continues a text\n"
    "  hadal run -m ~/DeepSeek-V4-Flash -f prompt.txt\n"
    "  hadal plan compare v3.2 v4-flash              what models cost in memory and arithmetic\n"
    "  hadal inspect models/embedded                 what a checkpoint holds\n"
    "  hadal COMMAND --help                          more about a command";

// What names and files hold is escaped. A table may follow an error.
int PrintError(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "hadal: %s\n", EscapeLines(error.what).c_str());
  return 1;
}

// *code is set where there was no work to do: help, or wrong usage.
Status DoWork(int argc, char** argv, std::optional<int>* code) {
  Program program("hadal", kProgramAbout, HADAL_VERSION);
  const Command app = program.command();
  int verbosity = 0;
  app.AddFlag("-v,--verbose", verbosity, "log more to stderr (-vv: everything)");
  Work work;
  AddRun(app, &work);
  AddServe(app, &work);
  AddData(app, &work);
  AddTrain(app, &work);
  AddEval(app, &work);
  AddPlan(app, &work);
  AddInspect(app, &work);
  AddQuantize(app, &work);
  AddSynth(app, &work);
  AddCache(app, &work);
  AddDoctor(app, &work);
  AddBench(app, &work);
  AddTokenize(app, &work);
  AddTokenizer(app, &work);
  AddChat(app, &work);
  AddCompletion(app, &work);
  AddMan(app, &work);
  *code = program.Parse(argc, argv);
  if (*code) return Unit{};
  if (!work) {  // no command, or a group of commands without one of them
    std::fprintf(stderr, "%s", program.Help().c_str());
    *code = 2;
    return Unit{};
  }
  StartLog(verbosity);
  io::ExplainBusErrors("hadal");
  io::RemoveTemporariesOnSignals();
  HADAL_TRY_STATUS(kernels::CheckForcedIsa());
  return work();
}

}  // namespace

int Main(int argc, char** argv) {
  KeepMemoryForErrors();
  std::optional<int> code;
  Status done = Caught([&] { return DoWork(argc, argv, &code); });
  if (done.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0))
    done = Fail(Code::kIo, "the output cannot be written");
  return done.ok() ? code.value_or(0) : PrintError(done.error());
}

}  // namespace hadal::cli
