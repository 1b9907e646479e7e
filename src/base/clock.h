// Time that passes, monotonic; the time that people have; and processors' time.
#pragma once
#include <time.h>

#include <chrono>
#include <cstdint>

namespace hadal {

class Stopwatch {  // seconds since some moment
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Of this process so far, all its threads together.
inline double ProcessorSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

inline std::int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
inline std::int64_t UnixSeconds() { return UnixMilliseconds() / 1000; }

}  // namespace hadal
