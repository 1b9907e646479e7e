// What the mathematical functions of this machine's C library compute, as far as some thousand
// values tell: another version of it, or another processor that it has other code for, may differ
// in a last bit. Bits that follow from them are compared, or kept, under this number.
#pragma once
#include <cstdint>

namespace hadal {

std::uint64_t LibmDigest();  // the same in every call of a process

}  // namespace hadal
