// How far an optimizer goes in one step.
#pragma once

namespace hadal::train {

struct StepSize {
  double lr;
  double gradient_factor = 1;  // gradients count times this: clipped where they are used
};

// Makes gradients of a length, all together, at most `longest` long.
inline double ClipFactor(double length, double longest) {
  return length <= longest ? 1 : longest / length;
}

}  // namespace hadal::train
