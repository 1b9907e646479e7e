// Time that passes, monotonic, and the time that people have.
#pragma once
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

inline std::int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
inline std::int64_t UnixSeconds() { return UnixMilliseconds() / 1000; }

}  // namespace hadal
