// How the numbers of a model's tensors lie in a file: one enumeration for the whole program. Files
// say it with the dtype of their codes (tensor/dtype.h); loaders, kernels, converters and planners
// ask here.
//
//   format             codes                       scales, one a block
//   kF32, kBf16, kI64  the number itself           none
//   kFp8Block128       F8_E4M3, one a number       F8_E8M0, 128 rows x 128 columns
//   kFp8Block128F32    F8_E4M3, one a number       F32, 128 rows x 128 columns
//   kFp4Block32        I8, two E2M1 a byte,        F8_E8M0, 1 row x 32 columns
//                      low nibble the even column
//
// Scales are a tensor of their own beside the codes.
// Blocks at the lower and the right edge may be cut short. A shape is [slow, ..., fast] and counts
// numbers, not bytes; scaled formats are for matrices [rows, cols].
// Source: DeepSeek-V4 checkpoints and inference/convert.py; DeepSeek-V3 checkpoints (float32
// scales).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace hadal {

enum class StoredFormat { kF32, kBf16, kFp8Block128, kFp8Block128F32, kFp4Block32, kI64 };

struct StoredLayout {
  std::string_view name;  // "FP8 128x128", for messages
  DType codes;
  std::size_t numbers_a_code;
  DType scales;  // where there are any
  std::size_t block_rows, block_cols;
  bool scaled() const { return block_cols != 0; }
};
const StoredLayout& LayoutOf(StoredFormat format);

// The format with these codes; none: the dtype is not one of weights or tables. Of two formats that
// differ in their scales, the one with `scales`, or V4's.
std::optional<StoredFormat> FormatOfCodes(DType codes, std::optional<DType> scales = {});

using TensorShape = std::vector<std::uint64_t>;

// Whether a tensor of this shape can be stored so: scaled formats take matrices, packed ones whole
// blocks.
bool CanStore(StoredFormat format, std::span<const std::uint64_t> shape);
TensorShape CodeShape(StoredFormat format, std::span<const std::uint64_t> shape);
TensorShape ScaleShape(StoredFormat format,
                       std::span<const std::uint64_t> shape);  // empty: no scales

// Bytes of [rows, cols] in a file. A vector is a matrix of one row.
std::uint64_t CodeBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols);
std::uint64_t ScaleBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols);
std::uint64_t StoredBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols);

}  // namespace hadal
