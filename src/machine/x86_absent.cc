// Where the processor is no x86-64: its functions of loops.h, never called.
#include <cstdlib>

#include "machine/loops.h"

namespace hadal::machine {

namespace avx2 {
float FmaF32(std::uint64_t, float) { std::abort(); }
std::int32_t DotInt16(std::uint64_t, std::int32_t) { std::abort(); }
std::int32_t DotInt8(std::uint64_t, std::int32_t) { std::abort(); }
std::uint64_t ReadAll(const std::byte*, std::size_t) { std::abort(); }
}  // namespace avx2
namespace avxvnni {
std::int32_t DotInt16(std::uint64_t, std::int32_t) { std::abort(); }
std::int32_t DotInt8(std::uint64_t, std::int32_t) { std::abort(); }
}  // namespace avxvnni
namespace avx512 {
float FmaF32(std::uint64_t, float) { std::abort(); }
float DotBf16(std::uint64_t, float) { std::abort(); }
std::int32_t DotInt16Vnni(std::uint64_t, std::int32_t) { std::abort(); }
std::int32_t DotInt8Vnni(std::uint64_t, std::int32_t) { std::abort(); }
std::uint64_t ReadAll(const std::byte*, std::size_t) { std::abort(); }
}  // namespace avx512

}  // namespace hadal::machine
