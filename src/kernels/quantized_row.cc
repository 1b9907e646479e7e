#include "kernels/quantized_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

std::size_t PaddedCols(std::size_t cols) { return (cols + 127) / 128 * 128; }

// round(x / scale) is computed as round(x * inverse).
struct BlockScale {
  float scale, inverse;
};

BlockScale ScaleOf(float amax, float limit) {
  if (std::isinf(amax)) return {std::numeric_limits<float>::quiet_NaN(), 0};
  if (amax == 0) return {0, 0};
  return {amax / limit, std::min(limit / amax, std::numeric_limits<float>::max())};
}

// Of every block of a row; infinity if there is a NaN.
std::vector<float> BlockAmax(RowFormat format, std::span<const float> x) {
  std::vector<float> amax(PaddedCols(x.size()) / kRowBlock);
  for (std::size_t k = 0; k < x.size(); ++k) {
    float& of = amax[QuantizedBlock(format, k)];
    of = std::isnan(x[k]) ? std::numeric_limits<float>::infinity() : std::max(of, std::fabs(x[k]));
  }
  return amax;
}

float Rounded(float v, float inverse) {
  return std::isfinite(v) ? std::nearbyint(v * inverse) : 0.0f;
}

void QuantizeInt8(std::span<const float> x, std::byte* out) {
  const std::size_t cols = PaddedCols(x.size()), blocks = cols / kRowBlock;
  const std::vector<float> amax = BlockAmax(RowFormat::kInt8Block32, x);
  auto* q = reinterpret_cast<std::int8_t*>(out);
  auto* scales = reinterpret_cast<float*>(out + cols);
  auto* offsets = reinterpret_cast<std::int32_t*>(scales + blocks);
  std::memset(out, 0, QuantizedRowBytes(RowFormat::kInt8Block32, cols));
  for (std::size_t b = 0; b < x.size() / kRowBlock; ++b) {
    const BlockScale s = ScaleOf(amax[b], kInt8Limit);
    std::int32_t sum = 0;
    for (std::size_t k = b * kRowBlock; k < (b + 1) * kRowBlock; ++k) {
      const auto v = static_cast<std::int8_t>(Rounded(x[k], s.inverse));
      q[QuantizedPlace(RowFormat::kInt8Block32, k)] = v;
      sum += v;
    }
    scales[b] = 0.5f * s.scale;
    offsets[b] = -12 * sum;
  }
}

void QuantizeInt16(std::span<const float> x, std::byte* out) {
  const std::size_t cols = PaddedCols(x.size());
  const std::vector<float> amax = BlockAmax(RowFormat::kInt16Block32, x);
  auto* q = reinterpret_cast<std::int16_t*>(out);
  auto* scales = reinterpret_cast<float*>(out + 2 * cols);
  std::memset(out, 0, QuantizedRowBytes(RowFormat::kInt16Block32, cols));
  for (std::size_t k = 0; k < x.size(); ++k) {
    const float of = amax[QuantizedBlock(RowFormat::kInt16Block32, k)];
    q[QuantizedPlace(RowFormat::kInt16Block32, k)] =
        static_cast<std::int16_t>(Rounded(x[k], ScaleOf(of, kInt16Limit).inverse));
  }
  for (std::size_t b = 0; b < cols / kRowBlock; ++b)
    scales[b] = 0x1p-9f * ScaleOf(amax[b], kInt16Limit).scale;
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
    const float scale = LoadAt<float>(scales, QuantizedBlock(format, k));
    x[k] = q * double{scale} * (int8 ? 2 : 512);
  }
}

}  // namespace ref

std::size_t QuantizedRowBytes(RowFormat format, std::size_t cols) {
  const std::size_t padded = PaddedCols(cols);
  return format == RowFormat::kInt8Block32 ? padded + padded / kRowBlock * 8
                                           : 2 * padded + padded / kRowBlock * 4;
}

void QuantizeRow(RowFormat format, std::span<const float> x, std::byte* out) {
  const bool int8 = format == RowFormat::kInt8Block32;
  HADAL_CHECK(!int8 || x.size() % kRowBlock == 0);
  const auto simd = int8 ? HADAL_ACTIVE(QuantizeInt8) : HADAL_ACTIVE(QuantizeInt16);
  if (simd == nullptr) return ref::QuantizeRow(format, x, out);
  simd(x.data(), x.size(), reinterpret_cast<std::uint8_t*>(out));
}

void QuantizeRows(RowFormat format, View2<const float> x, View2<std::byte> out, Threads& threads) {
  HADAL_CHECK(x.rows() == out.rows() && out.cols() == QuantizedRowBytes(format, x.cols()));
  ShareRows(x.rows(), x.cols(), kRounding, threads,
            [&](std::size_t t) { QuantizeRow(format, x[t], out[t].data()); });
}

}  // namespace hadal::kernels
