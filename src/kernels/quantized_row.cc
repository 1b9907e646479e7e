#include "kernels/quantized_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

std::size_t PaddedCols(std::size_t cols) { return (cols + 127) / 128 * 128; }

// round(x / scale) is computed as round(x * inverse).
struct BlockScale {
  float scale, inverse;
};

BlockScale ScaleOf(std::span<const float> block, float limit) {
  float amax = 0;
  for (float v : block)
    amax = std::isnan(v) ? std::numeric_limits<float>::infinity() : std::max(amax, std::fabs(v));
  if (std::isinf(amax)) return {std::numeric_limits<float>::quiet_NaN(), 0};
  if (amax == 0) return {0, 0};
  return {amax / limit, std::min(limit / amax, std::numeric_limits<float>::max())};
}

float Rounded(float v, float inverse) {
  return std::isfinite(v) ? std::nearbyint(v * inverse) : 0.0f;
}

void QuantizeInt8(std::span<const float> x, std::byte* out) {
  const std::size_t cols = PaddedCols(x.size()), blocks = cols / kInt8Block;
  auto* q = reinterpret_cast<std::int8_t*>(out);
  auto* scales = reinterpret_cast<float*>(out + cols);
  auto* offsets = reinterpret_cast<std::int32_t*>(scales + blocks);
  std::memset(out, 0, QuantizedRowBytes(RowFormat::kInt8Block32, cols));
  for (std::size_t begin = 0; begin < x.size(); begin += kInt8Block) {
    const std::span<const float> block = x.subspan(begin, kInt8Block);
    const BlockScale s = ScaleOf(block, kInt8Limit);
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < kInt8Block; ++i) {
      const auto v = static_cast<std::int8_t>(Rounded(block[i], s.inverse));
      q[QuantizedPlace(RowFormat::kInt8Block32, begin + i)] = v;
      sum += v;
    }
    scales[begin / kInt8Block] = 0.5f * s.scale;
    offsets[begin / kInt8Block] = -12 * sum;
  }
}

void QuantizeInt16(std::span<const float> x, std::byte* out) {
  const std::size_t cols = PaddedCols(x.size());
  auto* q = reinterpret_cast<std::int16_t*>(out);
  auto* scales = reinterpret_cast<float*>(out + 2 * cols);
  std::memset(out, 0, QuantizedRowBytes(RowFormat::kInt16Block128, cols));
  for (std::size_t begin = 0; begin < x.size(); begin += kInt16Block) {
    const std::span<const float> block = x.subspan(begin, std::min(kInt16Block, x.size() - begin));
    const BlockScale s = ScaleOf(block, kInt16Limit);
    for (std::size_t i = 0; i < block.size(); ++i)
      q[QuantizedPlace(RowFormat::kInt16Block128, begin + i)] =
          static_cast<std::int16_t>(Rounded(block[i], s.inverse));
    scales[begin / kInt16Block] = 0x1p-6f * s.scale;
  }
}

template <class T>
T LoadAt(const std::byte* p, std::size_t index) {
  T v;
  std::memcpy(&v, p + index * sizeof(T), sizeof(T));
  return v;
}

}  // namespace

namespace ref {

void QuantizeRow(RowFormat format, std::span<const float> x, std::byte* out) {
  if (format == RowFormat::kInt8Block32)
    QuantizeInt8(x, out);
  else
    QuantizeInt16(x, out);
}

void DequantizeRow(RowFormat format, const std::byte* row, std::span<double> x) {
  const bool int8 = format == RowFormat::kInt8Block32;
  const std::byte* scales = row + PaddedCols(x.size()) * (int8 ? 1 : 2);
  for (std::size_t k = 0; k < x.size(); ++k) {
    const std::size_t at = QuantizedPlace(format, k);
    const int q = int8 ? LoadAt<std::int8_t>(row, at) : LoadAt<std::int16_t>(row, at);
    const std::size_t block = k / (int8 ? kInt8Block : kInt16Block);
    x[k] = q * double{LoadAt<float>(scales, block)} * (int8 ? 2 : 64);
  }
}

}  // namespace ref

std::size_t QuantizedRowBytes(RowFormat format, std::size_t cols) {
  const std::size_t padded = PaddedCols(cols);
  return format == RowFormat::kInt8Block32 ? padded + padded / kInt8Block * 8
                                           : 2 * padded + padded / kInt16Block * 4;
}

void QuantizeRow(RowFormat format, std::span<const float> x, std::byte* out) {
  const bool int8 = format == RowFormat::kInt8Block32;
  HADAL_CHECK(!int8 || x.size() % kInt8Block == 0);
  const auto simd = int8 ? HADAL_ACTIVE(QuantizeInt8) : HADAL_ACTIVE(QuantizeInt16);
  if (simd == nullptr) return ref::QuantizeRow(format, x, out);
  simd(x.data(), x.size(), reinterpret_cast<std::uint8_t*>(out));
}

void QuantizeRows(RowFormat format, View2<const float> x, View2<std::byte> out, Threads& threads) {
  HADAL_CHECK(x.rows() == out.rows() && out.cols() == QuantizedRowBytes(format, x.cols()));
  threads.Run(x.rows(), [&](std::size_t t) { QuantizeRow(format, x[t], out[t].data()); });
}

}  // namespace hadal::kernels
