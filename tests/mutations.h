// Typical mistakes of an implementation, each as a change to the reference model.
// Source: golden README, section 11; the figure is the median error of the logits that it gives
// there. Left out: "hc rows/columns swapped", whose meaning it does not say (starting with the
// columns is not it: 20 iterations converge either way).
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "reference/reference_model.h"

namespace hadal::tests {

struct Mutation {
  std::string name;
  double median;        // of tiny-f32's logits (MTP logits where only they are touched)
  bool visible = true;  // false: too small for the f32 comparison, by construction
  bool mtp_only = false;
  std::function<void(reference::Model&)> apply;
};

std::vector<Mutation> TypicalMistakes();

}  // namespace hadal::tests
