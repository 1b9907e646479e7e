#include "convert/encode_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace hadal::convert {
namespace {

constexpr std::size_t kTile = 128, kGroup = 32;

// The largest magnitude; a NaN or an infinity shows as one not below 2^128.
float MaxMagnitude(const float* w, std::size_t count, float so_far) {
  std::uint32_t most = std::bit_cast<std::uint32_t>(so_far);
  for (std::size_t i = 0; i < count; ++i)
    most = std::max(most, std::bit_cast<std::uint32_t>(w[i]) & 0x7FFFFFFFu);
  return std::bit_cast<float>(most);
}

Status CheckFinite(std::span<const float> w, std::size_t cols) {
  for (std::size_t i = 0; i < w.size(); ++i)
    if (!std::isfinite(w[i])) {
      return Fail(Code::kInvalid, "element [{}, {}]: found {}, expected a finite number", i / cols,
                  i % cols, w[i]);
    }
  return Unit{};
}

}  // namespace

Result<EncodedF32Blocks> EncodeFp8Block128F32(std::span<const float> w, std::size_t rows,
                                              std::size_t cols, ScaleRule rule) {
  HADAL_CHECK(w.size() == rows * cols);
  EncodedF32Blocks out;
  const std::size_t tile_cols = (cols + kTile - 1) / kTile;
  out.codes.resize(rows * cols);
  out.scales.reserve((rows + kTile - 1) / kTile * tile_cols);
  for (std::size_t row0 = 0; row0 < rows; row0 += kTile)
    for (std::size_t col0 = 0; col0 < cols; col0 += kTile) {
      const std::size_t row1 = std::min(rows, row0 + kTile), width = std::min(kTile, cols - col0);
      float amax = 0;
      for (std::size_t row = row0; row < row1; ++row)
        amax = MaxMagnitude(w.data() + row * cols + col0, width, amax);
      if (!std::isfinite(amax)) return CheckFinite(w, cols).error();
      const float scale = Fp8Scale(amax, rule);
      out.scales.push_back(scale);
      const auto encode = [&](auto scaled) {
        for (std::size_t row = row0; row < row1; ++row)
          for (std::size_t i = row * cols + col0; i < row * cols + col0 + width; ++i)
            out.codes[i] = F32ToE4m3(scaled(w[i]));
      };
      if (rule == ScaleRule::kPowerOfTwo)
        encode([inverse = 1 / scale](float v) { return v * inverse; });  // exact
      else
        encode([scale](float v) { return v / scale; });
    }
  return out;
}

Result<EncodedBlocks> EncodeFp8Block128(std::span<const float> w, std::size_t rows,
                                        std::size_t cols) {
  HADAL_TRY(EncodedF32Blocks blocks, EncodeFp8Block128F32(w, rows, cols, ScaleRule::kPowerOfTwo));
  EncodedBlocks out{.codes = std::move(blocks.codes), .scales = {}};
  out.scales.resize(blocks.scales.size());
  std::ranges::transform(blocks.scales, out.scales.begin(), PowerOfTwoToE8m0);
  return out;
}

Result<EncodedBlocks> EncodeFp4Block32(std::span<const float> w, std::size_t rows,
                                       std::size_t cols) {
  HADAL_CHECK(w.size() == rows * cols);
  if (cols % kGroup != 0) {
    return Fail(Code::kInvalid, "found rows of {} numbers, expected a multiple of {} for FP4", cols,
                kGroup);
  }
  EncodedBlocks out;
  out.codes.resize(w.size() / 2);
  out.scales.resize(w.size() / kGroup);
  for (std::size_t group = 0; group < out.scales.size(); ++group) {
    const float* block = w.data() + group * kGroup;
    const float amax = MaxMagnitude(block, kGroup, 0);
    if (!std::isfinite(amax)) return CheckFinite(w, cols).error();
    const float scale = Fp4Scale(amax);
    const float inverse = 1 / scale;
    out.scales[group] = PowerOfTwoToE8m0(scale);
    for (std::size_t i = 0; i < kGroup; i += 2) {
      const unsigned low = F32ToE2m1(block[i] * inverse), high = F32ToE2m1(block[i + 1] * inverse);
      out.codes[(group * kGroup + i) / 2] = static_cast<std::uint8_t>(low | high << 4);
    }
  }
  return out;
}

Result<std::vector<std::uint16_t>> EncodeBf16(std::span<const float> w, std::size_t rows,
                                              std::size_t cols) {
  HADAL_CHECK(w.size() == rows * cols);
  HADAL_TRY_STATUS(CheckFinite(w, cols));
  std::vector<std::uint16_t> out(w.size());
  std::transform(w.begin(), w.end(), out.begin(), F32ToBf16);
  return out;
}

}  // namespace hadal::convert
