#include "tensor/stored_matrix.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal {
namespace {

template <class T>
T Load(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

std::uint8_t Code(std::byte code) { return std::to_integer<std::uint8_t>(code); }

std::size_t ScaleCols(const StoredMatrix& w) {
  const std::size_t block = LayoutOf(w.format).block_cols;
  return (w.cols + block - 1) / block;
}

// The scales of the blocks of a row, in order.
const std::byte* ScaleRow(const StoredMatrix& w, std::size_t row) {
  const StoredLayout& layout = LayoutOf(w.format);
  return w.scales + (w.first_row_in_block + row) / layout.block_rows * ScaleCols(w) *
                        DTypeBytes(layout.scales);
}

float Scale(const StoredMatrix& w, const std::byte* scale_row, std::size_t block) {
  return LayoutOf(w.format).scales == DType::kF32 ? Load<float>(scale_row + 4 * block)
                                                  : E8m0ToF32(Code(scale_row[block]));
}

}  // namespace

std::size_t StoredMatrix::code_bytes() const { return CodeBytes(format, rows, cols); }

std::size_t StoredMatrix::scale_bytes() const {
  return ScaleBytes(format, first_row_in_block + rows, cols);
}

StoredMatrix StoredMatrix::Rows(std::size_t begin, std::size_t count) const {
  HADAL_CHECK(begin <= rows && count <= rows - begin);
  StoredMatrix part = *this;
  part.rows = count;
  part.codes += CodeBytes(format, begin, cols);
  if (scales == nullptr) return part;
  part.scales = ScaleRow(*this, begin);
  part.first_row_in_block = (first_row_in_block + begin) % LayoutOf(format).block_rows;
  return part;
}

const std::byte* StoredMatrix::Fp8ScaleRow(std::size_t row) const { return ScaleRow(*this, row); }

float StoredMatrix::At(std::size_t row, std::size_t col) const {
  const std::byte* code_row = codes + CodeBytes(format, row, cols);
  const auto scale = [&] {
    return Scale(*this, ScaleRow(*this, row), col / LayoutOf(format).block_cols);
  };
  switch (format) {
    case StoredFormat::kF32:
      return Load<float>(code_row + 4 * col);
    case StoredFormat::kBf16:
      return Bf16ToF32(Load<std::uint16_t>(code_row + 2 * col));
    case StoredFormat::kFp8Block128:
    case StoredFormat::kFp8Block128F32:
      return E4m3ToF32(Code(code_row[col])) * scale();
    case StoredFormat::kFp4Block32:
      return E2m1ToF32(static_cast<std::uint8_t>(Code(code_row[col / 2]) >> (col % 2 * 4))) *
             scale();
    case StoredFormat::kI64:
      break;
  }
  HADAL_CHECK(false);
}

namespace {

void DecodeFp8Block(const std::byte* codes, float scale, std::span<float> out) {
  const std::span<const float, 256> table = E4m3Table();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = table[Code(codes[i])] * scale;
}

void DecodeFp4Block(const std::byte* codes, float scale, std::span<float> out) {
  const std::span<const float, 16> table = kE2m1Values;
  for (std::size_t i = 0; i + 1 < out.size(); i += 2) {
    const std::uint8_t pair = Code(codes[i / 2]);
    out[i] = table[pair & 15] * scale;
    out[i + 1] = table[pair >> 4] * scale;
  }
}

}  // namespace

void DecodeRow(const StoredMatrix& w, std::size_t row, std::span<float> out) {
  HADAL_CHECK(row < w.rows && out.size() == w.cols && w.format != StoredFormat::kI64);
  const StoredLayout& layout = LayoutOf(w.format);
  const std::byte* codes = w.codes + CodeBytes(w.format, row, w.cols);
  if (w.format == StoredFormat::kF32) {
    if (!out.empty()) std::memcpy(out.data(), codes, out.size_bytes());
  } else if (w.format == StoredFormat::kBf16) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = Bf16ToF32(Load<std::uint16_t>(codes + 2 * i));
  } else {
    const auto decode = layout.numbers_a_code == 2 ? DecodeFp4Block : DecodeFp8Block;
    const std::byte* scales = ScaleRow(w, row);
    for (std::size_t begin = 0; begin < w.cols; begin += layout.block_cols)
      decode(codes + begin / layout.numbers_a_code, Scale(w, scales, begin / layout.block_cols),
             out.subspan(begin, std::min(layout.block_cols, w.cols - begin)));
  }
}

}  // namespace hadal
