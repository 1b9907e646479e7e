// What guesses of one drafter have gained and cost, and so what they may cost next.
//
// Nobody knows what guesses are worth before some were made and tried, and both cost time. So a
// drafter has an account, in seconds. It begins with part of a pass; every pass pays a small share
// of its time in, guesses pay in what they saved, and what they took is taken out. What may lose is
// done only while the account covers it: so all losses together are at most that share of the time,
// and what was gained. Who has lost a pass's worth gets half the share until he gains one: what
// never pays costs less and less. Of shares the account holds little, of gains more, so that a few
// wrong guesses do not end what pays; what was gained long ago is not lost now.
#pragma once
#include <algorithm>

namespace hadal::engine {

class DraftAccount {
 public:
  static constexpr double kShare = 0.01, kLeastShare = kShare / 64;  // of a pass
  // Passes: at first; what is won or lost before it changes anything; of shares; of gains.
  static constexpr double kGift = 0.4, kStake = 1, kMost = 2, kMostGained = 32;

  // A pass that takes `alone` seconds without guesses, of which they saved `net`, or cost -net.
  void Passed(double alone, double net) {
    if (alone > 0 && most_ == 0) left_ += kGift * alone;
    if (alone > 0) most_ = kMost * alone;
    left_ = std::max(left_, std::min(left_ + share_ * alone, most_));
    left_ = std::min(left_ + net, most_ * kMostGained / kMost);
    gained_ += net;
    if (gained_ <= -kStake * alone && alone > 0) {
      share_ = std::max(share_ / 2, kLeastShare);
      gained_ = 0;
    } else if (gained_ >= kStake * alone && alone > 0) {
      share_ = kShare;
      pays_ = true;
      gained_ = 0;
    }
    if (left_ <= 0) on_ = pays_ = false;
    if (left_ >= kStake * alone && alone > 0) on_ = true;
  }

  double left() const { return left_; }  // seconds that may be lost; below 0: more was
  // 0 to 1: how far an estimate may be trusted that is as often too high as too low.
  double trust() const { return most_ > 0 ? std::clamp(left_ / most_, 0.0, 1.0) : 0; }
  // Of a drafter that costs time itself: it is asked from a whole pass's worth on, until nothing is
  // left.
  bool on() const { return on_; }
  bool pays() const { return pays_; }  // since then it has gained as much again

 private:
  double left_ = 0, most_ = 0, gained_ = 0, share_ = kShare;
  bool on_ = false, pays_ = false;
};

}  // namespace hadal::engine
