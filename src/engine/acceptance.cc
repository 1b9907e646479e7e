#include "engine/acceptance.h"

#include <algorithm>
#include <cmath>

namespace hadal::engine {
namespace {

constexpr double kMostCount = 100;  // of a mean: older guesses are forgotten
constexpr double kPriorCount = 16;

}  // namespace

void Acceptance::Saw(std::span<const Guess> guesses, std::span<const std::int32_t> came) {
  for (std::size_t i = 0; i < std::min(guesses.size(), came.size()); ++i) {
    Class& c = classes_[guesses[i].evidence];
    const bool right = guesses[i].token == came[i];
    c.count = std::min(c.count + 1, kMostCount);
    c.mean += ((right ? 1.0 : 0.0) - c.mean) / c.count;
    if (!right) return;
  }
}

// The mean and deviation of the chance itself, if before any guess every chance is as likely.
double Acceptance::Chance(Evidence evidence, double trust) const {
  const Class& c = classes_[evidence];
  const double likely = (c.mean * c.count + 1) / (c.count + 2);
  return likely - (1 - trust) * std::sqrt(likely * (1 - likely) / (c.count + 3));
}

Acceptance Acceptance::AsPrior() const {
  Acceptance prior = *this;
  for (Class& c : prior.classes_) c.count = std::min(c.count, kPriorCount);
  return prior;
}

}  // namespace hadal::engine
