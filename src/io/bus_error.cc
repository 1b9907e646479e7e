#include "io/bus_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

// Everything below runs in a signal handler: system calls, the stack, and no allocation.
namespace hadal::io {
namespace {

const char* program_name = "";

void Say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(STDERR_FILENO, text.data(), text.size());
    if (put <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

std::uintptr_t ReadHex(std::string_view* text) {
  std::uintptr_t value = 0;
  while (!text->empty()) {
    const char c = text->front();
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    value = value * 16 + static_cast<std::uintptr_t>(digit);
    text->remove_prefix(1);
  }
  return value;
}

// The path of a line of /proc/self/maps, "begin-end perms offset device inode   path", if it is a
// file's and holds the address; else empty.
std::string_view PathIfHolds(std::string_view line, std::uintptr_t address) {
  const std::uintptr_t begin = ReadHex(&line);
  if (line.empty()) return {};
  line.remove_prefix(1);
  const std::uintptr_t end = ReadHex(&line);
  const std::size_t path = line.find('/');
  return address >= begin && address < end && path != line.npos ? line.substr(path)
                                                                : std::string_view();
}

// Prints the path of the mapped file that holds the address; false if there is none.
bool SayFileAt(std::uintptr_t address) {
  static char buffer[1 << 16];
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::size_t have = 0;
  bool found = false;
  while (!found) {
    const ssize_t got = read(fd, buffer + have, sizeof(buffer) - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
    std::string_view text(buffer, have);
    for (std::size_t line; !found && (line = text.find('\n')) != text.npos;
         text.remove_prefix(line + 1)) {
      const std::string_view path = PathIfHolds(text.substr(0, line), address);
      if (path.empty()) continue;
      Say(program_name);
      Say(": ");
      Say(path);
      found = true;
    }
    std::memmove(buffer, text.data(), text.size());
    have = text.size();
  }
  close(fd);
  return found;
}

void Handle(int, siginfo_t* info, void*) {
  if (SayFileAt(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    Say(": cannot be read any more: cut short while in use, or the disk failed\n");
    _exit(1);
  }
  std::signal(SIGBUS, SIG_DFL);  // the instruction runs again and ends the program
}

}  // namespace

void ExplainBusErrors(const char* program) {
  program_name = program;
  struct sigaction action {};
  action.sa_sigaction = Handle;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace hadal::io
