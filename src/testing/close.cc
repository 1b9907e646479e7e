#include "testing/close.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace hadal::testing {

::testing::AssertionResult AllClose(std::span<const float> got, std::span<const float> want,
                                    Bound bound) {
  if (got.size() != want.size())
    return ::testing::AssertionFailure() << got.size() << " elements, want " << want.size();
  std::size_t outside = 0, worst = 0;
  double worst_excess = -1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double g = got[i], w = want[i];
    if (std::isnan(g) && std::isnan(w)) continue;
    if (g == w) continue;
    double excess = std::fabs(g - w) - (bound.abs + bound.rel * std::fabs(w));
    if (std::isnan(excess) || std::isinf(w)) excess = HUGE_VAL;
    if (excess <= 0) continue;
    ++outside;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (outside == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << outside << " of " << got.size() << " outside; worst at " << worst << ": got "
         << got[worst] << ", want " << want[worst];
}

double RelativeError(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return std::nan("");
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = double{got[i]} - want[i];
    difference += d * d;
    norm += double{want[i]} * want[i];
  }
  if (difference == 0) return 0;
  return std::sqrt(difference) / std::sqrt(norm);
}

::testing::AssertionResult SameBits(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size())
    return ::testing::AssertionFailure() << got.size() << " elements, want " << want.size();
  for (std::size_t i = 0; i < got.size(); ++i)
    if (std::bit_cast<std::uint32_t>(got[i]) != std::bit_cast<std::uint32_t>(want[i]))
      return ::testing::AssertionFailure()
             << "element " << i << ": got " << got[i] << ", want " << want[i];
  return ::testing::AssertionSuccess();
}

}  // namespace hadal::testing
