// Upper bounds of config.json's numbers, for its readers.
#pragma once
#include <cstddef>

namespace hadal::arch {

// Upper bounds far above any published model, and low enough that the products taken of them (the
// largest: layers x experts x 3 x inner x hidden, 2^54) stay below 2^63.
inline constexpr std::size_t kMaxVocab = std::size_t{1} << 24;
inline constexpr std::size_t kMaxDim = std::size_t{1} << 16;
inline constexpr std::size_t kMaxHeadDim = 4096;
inline constexpr std::size_t kMaxHeads = 1024;
inline constexpr std::size_t kMaxLayers = 512;
inline constexpr std::size_t kMaxExperts = 2048;
inline constexpr std::size_t kMaxPositions = std::size_t{1}
                                             << 24;  // float32 counts exactly this far
inline constexpr std::size_t kMaxIndexDim = 1024;    // what the Hadamard transform takes

}  // namespace hadal::arch
