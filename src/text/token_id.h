#pragma once
#include <cstdint>

namespace hadal::text {

using TokenId = std::int32_t;  // negative: no token

}  // namespace hadal::text
