// Loops that do nothing but one thing, as fast as the processor can.
//
// Defined in *_avx2.cc, *_avxvnni.cc and *_avx512.cc, and in *_neon.cc and *_i8mm.cc; those of
// another architecture than this one in x86_absent.cc and neon_absent.cc, where nothing calls them.
// Some use instructions beyond those of their file's set: the caller asks DetectDots first.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hadal::machine {

// Operations (a multiplication or an addition) of one round of each arithmetic loop.
inline constexpr std::size_t kChains = 16;  // independent accumulators: covers the latency
constexpr double OpsPerRound(std::size_t register_bits, std::size_t number_bits) {
  const std::size_t numbers = kChains * (register_bits / number_bits);
  return 2.0 * static_cast<double>(numbers);
}

// Each returns a number that depends on everything that it computed or read.
namespace avx2 {
float FmaF32(std::uint64_t rounds, float x);
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x);  // multiply, add
std::int32_t DotInt8(std::uint64_t rounds,
                     std::int32_t x);  // multiply, widen, add: three instructions
std::uint64_t ReadAll(const std::byte* data, std::size_t bytes);  // bytes a multiple of 1024
}  // namespace avx2
namespace avxvnni {
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x);
std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x);
}  // namespace avxvnni
namespace avx512 {
std::int32_t DotInt16Vnni(std::uint64_t rounds, std::int32_t x);  // needs avx512_vnni
float FmaF32(std::uint64_t rounds, float x);
float DotBf16(std::uint64_t rounds, float x);                    // needs avx512_bf16
std::int32_t DotInt8Vnni(std::uint64_t rounds, std::int32_t x);  // needs avx512_vnni
std::uint64_t ReadAll(const std::byte* data, std::size_t bytes);
}  // namespace avx512
namespace neon {
float FmaF32(std::uint64_t rounds, float x);
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x);  // two multiply, two add
std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x);
}  // namespace neon
namespace i8mm {
// Words as two bytes: four products of squares, of which a round does those of eight columns.
std::int32_t DotInt16(std::uint64_t rounds, std::int32_t x);
std::int32_t DotInt8(std::uint64_t rounds, std::int32_t x);
}  // namespace i8mm

}  // namespace hadal::machine
