// `hadal run` alone: what `make run` builds first, in the first minutes of a clone.
#include "cli/main.h"

int main(int argc, char** argv) {
  return hadal::cli::Main({"The command `run` alone; `make build` builds the whole program, "
                           "build/hadal.",
                           hadal::cli::AddRun},
                          argc, argv);
}
