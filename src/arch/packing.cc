#include "arch/packing.h"

namespace hadal::arch {
namespace {

std::uint64_t Ceil(std::uint64_t n, std::uint64_t size) { return n / size + (n % size != 0); }

Number NumberOf(DType codes) {
  switch (codes) {
    case DType::kF32:
      return Number::kF32;
    case DType::kF8E4M3:
      return Number::kFp8;
    case DType::kI8:
      return Number::kFp4;
    case DType::kI64:
      return Number::kTable;
    default:
      return Number::kHalf;
  }
}

}  // namespace

Packing PackingOf(StoredFormat format) {
  const StoredLayout& layout = LayoutOf(format);
  Packing packing = {.number = NumberOf(layout.codes),
                     .bits = 8 * DTypeBytes(layout.codes) / layout.numbers_a_code};
  if (!layout.scaled()) return packing;
  packing.block_rows = layout.block_rows;
  packing.block_cols = layout.block_cols;
  packing.block_bits = 8 * DTypeBytes(layout.scales);
  return packing;
}

Packing Nvfp4Packing(std::uint64_t group) {
  return {.number = Number::kFp4,
          .bits = 4,
          .block_rows = 1,
          .block_cols = group,
          .block_bits = 8,
          .matrix_bytes = 8};
}

std::uint64_t PackedBytes(const Packing& packing, std::uint64_t rows, std::uint64_t cols) {
  std::uint64_t bytes = Ceil(rows * cols * packing.bits, 8) + cols * packing.column_bytes;
  if (packing.block_cols != 0)
    bytes += Ceil(
        Ceil(rows, packing.block_rows) * Ceil(cols, packing.block_cols) * packing.block_bits, 8);
  return bytes + packing.matrix_bytes;
}

}  // namespace hadal::arch
