// Ctrl-C asks a command to stop at the next safe point; a second one ends the program at once.
#pragma once
#include <atomic>

namespace hadal::cli {

// Installs the handler on first use. The flag becomes true on SIGINT or SIGTERM.
const std::atomic<bool>& StopRequested();

}  // namespace hadal::cli
