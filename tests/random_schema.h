// Random JSON schemas of every kind that grammar/json_schema.h knows, for property tests.
#pragma once
#include "base/json.h"

namespace hadal::tests {

// Of a value; drawn from RapidCheck's generators, so called inside rc::check alone. Texts of it end
// soon: what repeats is bounded, and what refers to itself need not be there.
Json RandomSchema(int depth = 3);

// Of an object, as the arguments of a function are described: no combinations at its top.
Json RandomArguments();

}  // namespace hadal::tests
