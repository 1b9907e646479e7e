// Ctrl-C as a request to stop what is under way, and not the program: unlike base/stop_signal.h it
// can come again and again.
#pragma once
#include <atomic>

namespace hadal::talk {

// Installs the handler of SIGINT on first use. A system call that waits ends with EINTR.
std::atomic<bool>& Interrupted();

}  // namespace hadal::talk
