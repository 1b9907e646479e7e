// How often guesses are right, by class of evidence (engine/drafter.h), given that those before
// them were: averages of what came, the newest counting most. A guess need not be tried to be
// counted: the token that came says as much.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/drafter.h"

namespace hadal::engine {

class Acceptance {
 public:
  // The guesses for the tokens that then came, until the first that was wrong or has no token yet.
  void Saw(std::span<const Guess> guesses, std::span<const std::int32_t> came);
  // Trust 1: as often too high as too low. 0: rather too low, by as much as so few guesses can
  // tell.
  double Chance(Evidence evidence, double trust) const;
  // As a beginning for another text: the same chances, counting as few guesses.
  Acceptance AsPrior() const;

 private:
  struct Class {
    double mean = 0;
    double count = 0;  // guesses that the mean stands for
  };
  std::array<Class, kEvidences> classes_;
};

}  // namespace hadal::engine
