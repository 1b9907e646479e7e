// Where the processor is no 64-bit ARM: its functions of loops.h, never called.
#include <cstdlib>

#include "machine/loops.h"

namespace hadal::machine {

namespace neon {
float FmaF32(std::uint64_t, float) { std::abort(); }
std::int32_t DotInt16(std::uint64_t, std::int32_t) { std::abort(); }
std::int32_t DotInt8(std::uint64_t, std::int32_t) { std::abort(); }
}  // namespace neon
namespace i8mm {
std::int32_t DotInt16(std::uint64_t, std::int32_t) { std::abort(); }
std::int32_t DotInt8(std::uint64_t, std::int32_t) { std::abort(); }
}  // namespace i8mm

}  // namespace hadal::machine
