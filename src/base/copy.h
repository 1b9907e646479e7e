// Copies elements onto as many others, which must not overlap.
//
// std::ranges::copy of libstdc++ 12 goes element by element if the source is const; this does not.
#pragma once
#include <cstring>
#include <span>
#include <type_traits>

#include "base/check.h"

namespace hadal {

template <class T>
requires std::is_trivially_copyable_v<T>
void CopyTo(std::span<T> from, std::span<std::remove_const_t<T>> to) {
  HADAL_CHECK(from.size() == to.size());
  if (!from.empty()) std::memcpy(to.data(), from.data(), from.size_bytes());
}

}  // namespace hadal
