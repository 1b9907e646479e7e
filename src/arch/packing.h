// How the numbers of a matrix lie in a checkpoint's files, as far as their bytes go: what one
// number takes, and what is stored beside the numbers (scales, zero points, the order of columns).
//
//   bytes(rows, cols) = ceil(rows * cols * bits / 8)
//                     + ceil(blocks(rows, cols) * block_bits / 8)     a scale a block
//                     + cols * column_bytes + matrix_bytes
//
// Wider than the formats that the engine reads: a checkpoint can be counted that cannot be run.
#pragma once
#include <cstdint>

#include "tensor/stored_format.h"

namespace hadal::arch {

enum class Number {
  kF32,
  kHalf,  // BF16 or FP16
  kFp8,
  kFp4,
  kInt,    // of 2 to 8 bits
  kTable,  // indices: no parameters
};

inline constexpr std::uint64_t kWhole = ~std::uint64_t{0};  // a block as long as the matrix

struct Packing {  // as it is: BF16 or FP16
  Number number = Number::kHalf;
  std::uint64_t bits = 16;                       // of one number
  std::uint64_t block_rows = 0, block_cols = 0;  // numbers with one scale; 0: no scales
  std::uint64_t block_bits = 0;                  // of a scale, with its zero point if it has one
  std::uint64_t column_bytes = 0;                // for every column: GPTQ's g_idx
  std::uint64_t matrix_bytes = 0;                // for the matrix: scales of all of it, its shape

  bool operator==(const Packing&) const = default;
};

// Of the program's own formats (tensor/stored_format.h): their codes and scales.
Packing PackingOf(StoredFormat format);
// NVIDIA's FP4: an E4M3 scale a 1 x `group`, float32 scales of the matrix and of its input.
Packing Nvfp4Packing(std::uint64_t group);

// A vector is a matrix of one row. No overflow within the bounds that the readers of configs check.
std::uint64_t PackedBytes(const Packing& packing, std::uint64_t rows, std::uint64_t cols);

}  // namespace hadal::arch
