#include "base/stop_signal.h"

#include <csignal>
#include <cstddef>
#include <iterator>

namespace hadal {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);
struct sigaction before[std::size(kSignals)];

void Install(void (*handler)(int)) {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    struct sigaction action {};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

void OnSignal(int) {
  stop.store(true, std::memory_order_relaxed);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
}

}  // namespace

const std::atomic<bool>& StopRequested() {
  static const bool installed = (Install(OnSignal), true);
  static_cast<void>(installed);
  return stop;
}

}  // namespace hadal
