// A progress line for anything that may take over two seconds.
//
//   Progress progress("reading", total_bytes, "B");
//   progress.Set(done, "12 MB/s");        // cheap; redraws at most ten times a second
//
// On a terminal: one line on stderr, redrawn in place, gone when the object is. Elsewhere: a plain
// line every ten seconds. Nothing is shown before two seconds have passed. One thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace hadal {

class Progress {
 public:
  // From `begin` on: of what was done before, neither speed nor the time left know.
  Progress(std::string label, std::uint64_t total, bool quiet = false, std::uint64_t begin = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Set(std::uint64_t done, std::string_view note = {});
  double seconds() const { return clock_.seconds(); }
  double PerSecond(std::uint64_t done) const;

 private:
  void Draw(std::uint64_t done, std::string_view note);

  std::string label_;
  std::uint64_t total_, begin_;
  bool quiet_, terminal_;
  bool drawn_ = false;
  double next_ = 2;
  Stopwatch clock_;
};

bool IsTerminal(int file_descriptor);
std::uint64_t ResidentBytes();  // this process, now; 0 where unknown
std::uint64_t PeakResidentBytes();
// Of those resident now, what is not of files: the process's own memory; 0 where unknown.
std::uint64_t AnonymousResidentBytes();

}  // namespace hadal
