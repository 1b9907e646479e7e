#include "tensor/owned_matrix.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal {
namespace {

bool IsE8m0(float scale) {
  int exponent = 0;
  return scale >= 0x1p-127f && std::frexp(scale, &exponent) == 0.5f;  // none is above 2^127
}

// to [cols, rows] <- from [rows, cols], elements of `bytes`.
void TransposeElements(const std::byte* from, std::size_t rows, std::size_t cols, std::size_t bytes,
                       std::byte* to) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < cols; ++c)
      std::memcpy(to + (c * rows + r) * bytes, from + (r * cols + c) * bytes, bytes);
}

OwnedMatrix Empty(StoredFormat format, std::size_t rows, std::size_t cols) {
  const std::size_t codes = CodeBytes(format, rows, cols);
  OwnedMatrix m{{.format = format, .rows = rows, .cols = cols},
                Buffer<std::byte>(codes + ScaleBytes(format, rows, cols))};
  m.view.codes = m.memory.data();
  if (LayoutOf(format).scaled()) m.view.scales = m.memory.data() + codes;
  return m;
}

OwnedMatrix TransposedFloats(const StoredMatrix& w) {
  OwnedMatrix m = Empty(StoredFormat::kF32, w.cols, w.rows);
  std::vector<float> row(w.cols);
  for (std::size_t r = 0; r < w.rows; ++r) {
    DecodeRow(w, r, row);
    for (std::size_t c = 0; c < w.cols; ++c)
      std::memcpy(m.memory.data() + (c * w.rows + r) * sizeof(float), &row[c], sizeof(float));
  }
  return m;
}

}  // namespace

std::optional<OwnedMatrix> WithE8m0Scales(const StoredMatrix& w) {
  HADAL_CHECK(w.format == StoredFormat::kFp8Block128F32 && w.first_row_in_block == 0);
  const std::size_t count = w.scale_bytes() / sizeof(float);
  OwnedMatrix m{w, Buffer<std::byte>(count)};
  for (std::size_t i = 0; i < count; ++i) {
    float scale;
    std::memcpy(&scale, w.scales + i * sizeof(scale), sizeof(scale));
    if (!IsE8m0(scale)) return std::nullopt;
    m.memory[i] = std::byte{PowerOfTwoToE8m0(scale)};
  }
  m.view.format = StoredFormat::kFp8Block128;
  m.view.scales = m.memory.data();
  return m;
}

OwnedMatrix Transposed(const StoredMatrix& w) {
  const StoredLayout& layout = LayoutOf(w.format);
  HADAL_CHECK(w.format != StoredFormat::kI64);
  if (layout.numbers_a_code != 1 || w.first_row_in_block != 0) return TransposedFloats(w);
  OwnedMatrix m = Empty(w.format, w.cols, w.rows);
  TransposeElements(w.codes, w.rows, w.cols, DTypeBytes(layout.codes), m.memory.data());
  if (!layout.scaled()) return m;
  const TensorShape scales = ScaleShape(w.format, std::vector<std::uint64_t>{w.rows, w.cols});
  TransposeElements(w.scales, scales[0], scales[1], DTypeBytes(layout.scales),
                    m.memory.data() + m.view.code_bytes());
  return m;
}

}  // namespace hadal
