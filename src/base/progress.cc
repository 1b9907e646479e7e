#include "base/progress.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "base/quote.h"
#include "base/units.h"

namespace hadal {

Progress::Progress(std::string label, std::uint64_t total, bool quiet, std::uint64_t begin)
    : label_(std::move(label)),
      total_(total),
      begin_(begin),
      quiet_(quiet),
      terminal_(IsTerminal(STDERR_FILENO)) {}

Progress::~Progress() {
  if (drawn_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::Set(std::uint64_t done, std::string_view note) {
  const double now = clock_.seconds();
  if (quiet_ || now < next_) return;
  next_ = now + (terminal_ ? 0.1 : 10);
  Draw(done, note);
}

void Progress::Draw(std::uint64_t done, std::string_view note) {
  const double share = total_ == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total_);
  const double rate = PerSecond(done);
  const double left = rate > 0 ? static_cast<double>(total_ - std::min(done, total_)) / rate : -1;
  const std::string line =
      fmt::format("{} {:5.1f}%  {} left  {} memory  {}", OneLine(label_), 100 * share,
                  FormatDuration(left), FormatBytes(ResidentBytes()), OneLine(note));
  if (terminal_)
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
  else
    std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
  drawn_ = true;
}

double Progress::PerSecond(std::uint64_t done) const {
  const double seconds = clock_.seconds();
  return done > begin_ && seconds > 0 ? static_cast<double>(done - begin_) / seconds : 0;
}

bool IsTerminal(int file_descriptor) { return isatty(file_descriptor) == 1; }

std::uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0, resident = 0;
  if (!(statm >> size >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t AnonymousResidentBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib * 1024;
  }
  return 0;
}

std::uint64_t PeakResidentBytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hadal
