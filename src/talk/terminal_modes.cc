#include "talk/terminal_modes.h"

#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <iterator>

namespace hadal::talk {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGHUP};

termios modes;
struct sigaction before[std::size(kSignals)];

void OnSignal(int signal) {
  tcsetattr(STDIN_FILENO, TCSANOW, &modes);
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
  raise(signal);  // as before, once this has returned
}

}  // namespace

void KeepTerminalModes() {
  if (tcgetattr(STDIN_FILENO, &modes) != 0) return;
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    struct sigaction action {};
    action.sa_handler = OnSignal;
    sigemptyset(&action.sa_mask);
    sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

}  // namespace hadal::talk
