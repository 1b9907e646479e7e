// A matrix in the format its file stores it, where it is mapped: a view, which owns nothing.
// Decoding it is exact: code times scale, both exact in float32, rounded nowhere but at float32's
// own limits.
#pragma once
#include <cstddef>
#include <span>

#include "tensor/stored_format.h"

namespace hadal {

struct StoredMatrix {
  StoredFormat format = StoredFormat::kF32;
  std::size_t rows = 0, cols = 0;
  const std::byte* codes = nullptr;   // any alignment
  const std::byte* scales = nullptr;  // null for formats without

  // kFp8Block128: where row 0 lies in its block of 128 rows (0..127); row r has the scales of block
  // row (first_row_in_block + r) / 128. Not 0 only in a view that Rows() cut out of a larger
  // matrix.
  std::size_t first_row_in_block = 0;

  // kFp8Block128: the ceil(cols/128) scales of a row. The only way to find them: see above.
  const std::byte* Fp8ScaleRow(std::size_t row) const;
  std::size_t code_bytes() const;
  std::size_t scale_bytes() const;
  // Rows [begin, begin + count), any begin (o_lora_rank 64 cuts wo_a inside a block).
  StoredMatrix Rows(std::size_t begin, std::size_t count) const;
  // One number. The format is not kI64.
  float At(std::size_t row, std::size_t col) const;
};

// w[row, :] as float32; out [cols].
void DecodeRow(const StoredMatrix& w, std::size_t row, std::span<float> out);

}  // namespace hadal
