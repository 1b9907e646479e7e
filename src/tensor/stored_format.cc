#include "tensor/stored_format.h"

#include <array>

#include "base/check.h"

namespace hadal {
namespace {

constexpr std::array kLayouts = {
    StoredLayout{"F32", DType::kF32, 1, DType::kF32, 0, 0},
    StoredLayout{"BF16", DType::kBF16, 1, DType::kF32, 0, 0},
    StoredLayout{"FP8 128x128", DType::kF8E4M3, 1, DType::kF8E8M0, 128, 128},
    StoredLayout{"FP8 128x128 with F32 scales", DType::kF8E4M3, 1, DType::kF32, 128, 128},
    StoredLayout{"FP4 1x32", DType::kI8, 2, DType::kF8E8M0, 1, 32},
    StoredLayout{"I64", DType::kI64, 1, DType::kF32, 0, 0},
};
static_assert(kLayouts.size() == static_cast<std::size_t>(StoredFormat::kI64) + 1);

std::uint64_t CeilDiv(std::uint64_t a, std::uint64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

}  // namespace

const StoredLayout& LayoutOf(StoredFormat format) {
  return kLayouts[static_cast<std::size_t>(format)];
}

std::optional<StoredFormat> FormatOfCodes(DType codes, std::optional<DType> scales) {
  std::optional<StoredFormat> first;
  for (std::size_t i = 0; i < kLayouts.size(); ++i) {
    if (kLayouts[i].codes != codes) continue;
    if (!scales || kLayouts[i].scales == *scales) return static_cast<StoredFormat>(i);
    if (!first) first = static_cast<StoredFormat>(i);
  }
  return first;
}

bool CanStore(StoredFormat format, std::span<const std::uint64_t> shape) {
  const StoredLayout& layout = LayoutOf(format);
  if (!layout.scaled()) return true;
  return shape.size() == 2 && (layout.numbers_a_code == 1 || shape[1] % layout.block_cols == 0);
}

TensorShape CodeShape(StoredFormat format, std::span<const std::uint64_t> shape) {
  TensorShape codes(shape.begin(), shape.end());
  if (!codes.empty()) codes.back() /= LayoutOf(format).numbers_a_code;
  return codes;
}

TensorShape ScaleShape(StoredFormat format, std::span<const std::uint64_t> shape) {
  const StoredLayout& layout = LayoutOf(format);
  if (!layout.scaled()) return {};
  HADAL_CHECK(shape.size() == 2);
  return {CeilDiv(shape[0], layout.block_rows), CeilDiv(shape[1], layout.block_cols)};
}

std::uint64_t CodeBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols) {
  const StoredLayout& layout = LayoutOf(format);
  return rows * (cols / layout.numbers_a_code) * DTypeBytes(layout.codes);
}

std::uint64_t ScaleBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols) {
  const StoredLayout& layout = LayoutOf(format);
  if (!layout.scaled()) return 0;
  return CeilDiv(rows, layout.block_rows) * CeilDiv(cols, layout.block_cols) *
         DTypeBytes(layout.scales);
}

std::uint64_t StoredBytes(StoredFormat format, std::uint64_t rows, std::uint64_t cols) {
  return CodeBytes(format, rows, cols) + ScaleBytes(format, rows, cols);
}

}  // namespace hadal
