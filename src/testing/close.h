// The one comparator of numbers in tests; itself tested in close_test.cc.
#pragma once
#include <gtest/gtest.h>

#include <span>

namespace hadal::testing {

struct Bound {
  double rel = 0, abs = 0;  // |got - want| <= abs + rel * |want|
};

// Equal sizes; NaN only where NaN is wanted; infinities equal; every other element within the
// bound. A failure names how many elements are outside and the worst of them by index.
::testing::AssertionResult AllClose(std::span<const float> got, std::span<const float> want,
                                    Bound bound);

// ||got - want|| / ||want||, both taken as vectors; 0 if both are zero, NaN if anything is NaN.
double RelativeError(std::span<const float> got, std::span<const float> want);

// The first element whose bits differ, if any.
::testing::AssertionResult SameBits(std::span<const float> got, std::span<const float> want);

}  // namespace hadal::testing
