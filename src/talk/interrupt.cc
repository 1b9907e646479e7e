#include "talk/interrupt.h"

#include <csignal>

namespace hadal::talk {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void Install() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted.store(true, std::memory_order_relaxed); };
  sigemptyset(&action.sa_mask);  // no SA_RESTART: a read of the keyboard ends too
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace

std::atomic<bool>& Interrupted() {
  static const bool installed = (Install(), true);
  static_cast<void>(installed);
  return interrupted;
}

}  // namespace hadal::talk
