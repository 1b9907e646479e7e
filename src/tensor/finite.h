// Finds numbers that are none: NaN and infinity, which damaged weights give and which spread.
#pragma once
#include <cstddef>
#include <optional>
#include <span>

namespace hadal {

// The place of the first one; absent: all are finite. As fast as reading them.
std::optional<std::size_t> FirstNotFinite(std::span<const float> values);

}  // namespace hadal
