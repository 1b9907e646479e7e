#include "engine/acceptance.h"

#include <algorithm>

namespace hadal::engine {
namespace {

constexpr double kMostCount = 50;  // of a mean: older guesses are forgotten
constexpr double kPriorCount = 8;

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

Acceptance Acceptance::AsPrior() const {
  Acceptance prior = *this;
  for (Class& c : prior.classes_) c.count = std::min(c.count, kPriorCount);
  return prior;
}

}  // namespace hadal::engine
