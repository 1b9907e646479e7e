#include "cli/main.h"

#include <cstdio>
#include <optional>
#include <string>

#include "base/exceptions.h"
#include "base/log.h"
#include "base/quote.h"
#include "io/bus_error.h"
#include "io/temporary.h"
#include "kernels/isa.h"

namespace hadal::cli {
namespace {

// What names and files hold is escaped. A table may follow an error.
int PrintError(const Error& error) {
  std::fflush(stdout);
  std::fprintf(stderr, "hadal: %s\n", EscapeLines(error.what).c_str());
  return 1;
}

// *code is set where there was no work to do: help, or wrong usage.
Status DoWork(const Commands& commands, int argc, char** argv, std::optional<int>* code) {
  Program program("hadal", commands.about, HADAL_VERSION);
  const Command app = program.command();
  int verbosity = 0;
  app.AddFlag("-v,--verbose", verbosity, "log more to stderr (-vv: everything)");
  Work work;
  commands.add(app, &work);
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

int Main(const Commands& commands, int argc, char** argv) {
  KeepMemoryForErrors();
  std::optional<int> code;
  Status done = Caught([&] { return DoWork(commands, argc, argv, &code); });
  if (done.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0))
    done = Fail(Code::kIo, "the output cannot be written");
  return done.ok() ? code.value_or(0) : PrintError(done.error());
}

}  // namespace hadal::cli
