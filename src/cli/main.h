// What a program of commands does around the one that is chosen: flags, log, signals, errors.
#pragma once
#include "cli/commands.h"

namespace hadal::cli {

struct Commands {
  const char* about;                     // of the program's help
  void (*add)(Command app, Work* work);  // all of them
};

// argv[0] is needed to find the embedded model and hadal-train beside the program.
int Main(const Commands& commands, int argc, char** argv);

}  // namespace hadal::cli
