// Numbers between bounds, as decimal text without an exponent.
//
// Texts have at most 15 digits in front of the point, and no more behind it than leave a reader of
// float64 sure on which side of a bound the number lies; whole numbers have 16, up to 2^53 - 1,
// where a bound is beyond 15. A bound that no text meets counts as the next one that does, on its
// inner side.
#pragma once
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "grammar/builder.h"

namespace hadal::grammar {

struct Bound {
  double value = 0;
  bool strict = false;  // the bound itself is outside
};

// kUnsupported: a bound that leaves none of these texts.
Result<Piece> IntegerRange(Builder& b, std::optional<Bound> least, std::optional<Bound> most);
Result<Piece> NumberRange(Builder& b, std::optional<Bound> least, std::optional<Bound> most);

}  // namespace hadal::grammar
