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
  double Chance(Evidence evidence) const { return classes_[evidence].mean; }
  // As a beginning for another text: the same chances, counting as few guesses.
  Acceptance AsPrior() const;

 private:
  struct Class {
    double mean = 0.5;
    double count = 1;  // guesses that the mean stands for
  };
  std::array<Class, kEvidences> classes_;
};

}  // namespace hadal::engine
