// Ctrl-C asks a command to stop at the next safe point; a second one ends the program at once. So
// do SIGTERM, and SIGHUP, which a terminal sends when it is closed.
#pragma once
#include <atomic>

namespace hadal {

// Installs the handlers on first use. The flag becomes true on the first of these signals; the next
// one does what it did before. A signal that was ignored, as SIGHUP is under nohup, stays so.
const std::atomic<bool>& StopRequested();

}  // namespace hadal
