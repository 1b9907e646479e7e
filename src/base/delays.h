// How long one thread of a pool may keep the others waiting before it stands aside.
//
// A thread whose processor another process wants is stopped for milliseconds, at any moment, also
// while it holds a piece of work that all others wait for. What it delays them by is summed up, and
// forgiven with time: a worker that costs more than it brings goes aside, and comes back to see
// whether the processor is free again. Each time that it must go again soon it stays away twice as
// long, so that looking costs little.
//
// Time is the caller's to tell. One thread at a time.
#pragma once
#include <chrono>
#include <cstddef>

namespace hadal {

class Delays {
 public:
  using Clock = std::chrono::steady_clock;

  // Others waited so long for this thread, until `now`, of `threads` >= 2 that share the work. For
  // how long it goes aside; 0: not at all. What is forgiven is half of what one of so many can
  // bring.
  Clock::duration Charge(Clock::time_point now, Clock::duration waited, std::size_t threads);

 private:
  Clock::duration sum_{}, rest_{};
  Clock::time_point last_{}, back_{};
};

}  // namespace hadal
