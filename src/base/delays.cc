#include "base/delays.h"

#include <algorithm>

namespace hadal {
namespace {

using Duration = Delays::Clock::duration;

// More than now and then a process that wakes up and sleeps again, as every machine has some.
constexpr Duration kMost = std::chrono::milliseconds(10);
constexpr Duration kFirstRest = std::chrono::milliseconds(100);
constexpr Duration kLongestRest = std::chrono::milliseconds(1600);

}  // namespace

Duration Delays::Charge(Clock::time_point now, Duration waited, std::size_t threads) {
  const Duration passed = std::max(now - last_, Duration::zero());  // it may not be back yet
  const Duration forgiven = passed / static_cast<Clock::rep>(2 * threads);
  sum_ = std::max(sum_ - forgiven, Duration::zero()) + waited;
  last_ = std::max(last_, now);
  if (sum_ < kMost) return Duration::zero();
  rest_ = now - back_ < 2 * rest_ ? std::min(2 * rest_, kLongestRest) : kFirstRest;
  back_ = last_ = now + rest_;
  sum_ = Duration::zero();
  return rest_;
}

}  // namespace hadal
