// Logs go to stderr through spdlog, one line each: "level event key=value ...". stdout is for
// results. Kernels and tensor code log nothing.
#pragma once
#include <spdlog/spdlog.h>

namespace hadal {

// Called from main; again: changes the level. verbosity 0: warnings and errors; 1: info; 2: debug.
void StartLog(int verbosity);

}  // namespace hadal
