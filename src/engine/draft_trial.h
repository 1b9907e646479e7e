// Whether a drafter that costs time is worth it: it is tried for a few passes, goes on while it
// gains more than it costs, and rests when it has lost, each time for longer. So what it can lose
// is a few passes in hundreds, then in thousands.
#pragma once
#include <algorithm>
#include <cstddef>

namespace hadal::engine {

class DraftTrial {
 public:
  static constexpr std::size_t kFirst = 6, kLater = 32;  // passes, after which it is judged
  static constexpr std::size_t kShortestRest = 256, kLongestRest = 16384;  // passes

  bool asks() const { return resting_ == 0; }
  // Since it rested last, or from the beginning, it was judged and has won.
  bool won() const { return won_; }

  // A pass without it.
  void Rested() { resting_ -= std::min<std::size_t>(resting_, 1); }
  // A pass with it: seconds that its right guesses saved, and that it and its rows took.
  void Passed(double saved, double spent) {
    balance_ += saved - spent;
    if (++passes_ < (won_ ? kLater : kFirst)) return;
    won_ = balance_ > 0;
    resting_ = won_ ? 0 : rest_;
    rest_ = won_ ? kShortestRest : std::min(2 * rest_, kLongestRest);
    balance_ = 0;
    passes_ = 0;
  }

 private:
  double balance_ = 0;
  std::size_t passes_ = 0, resting_ = 0, rest_ = kShortestRest;
  bool won_ = false;
};

}  // namespace hadal::engine
