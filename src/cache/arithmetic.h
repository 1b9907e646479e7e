// The number of this program's arithmetic, part of what states on disk are named by
// (cache/model_digest.h): states that other arithmetic made are other states.
#pragma once
#include <cstdint>

namespace hadal::cache {

// Raised with every change of what a program computes, in its last bit too. tests/golden_bits.txt
// has digests of what it computes by instruction set; tests/golden_bits_test.cc fails where they
// are others, and says how they are renewed.
inline constexpr std::uint64_t kArithmetic = 1;

}  // namespace hadal::cache
