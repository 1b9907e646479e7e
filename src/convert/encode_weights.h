// Float32 weights into the formats of a published checkpoint. The inverse is io::DecodeFloats.
//
// Each block's scale is the smallest power of two that brings its largest magnitude into range
// (tensor/codec.h); codes are rounded to nearest, ties to even. So encoding what was decoded gives
// the same values again, wherever the scale was at least codec.h's floor. Scales that are kept as
// float32 may follow the other rule, and what was encoded by it comes back with the same codes and
// scales that differ in their last bits.
//
//   w       [rows, cols]                                          f32, row-major
//   codes   [rows, cols] or [rows, cols/2]                        E4M3, or two E2M1 a byte, low
//                                                                 nibble the even column
//   scales  [ceil(rows/128), ceil(cols/128)] or [rows, cols/32]   E8M0, or F32 of FP8
//
// All of w is finite: kInvalid names the first that is not.
// Blocks do not reach over a multiple of 128 rows, so a matrix may be encoded that many at a time.
// Source: DeepSeek-V4 inference/kernel.py (act_quant, fp4_quant) and convert.py; DeepSeek-V3
// inference/kernel.py.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "tensor/codec.h"

namespace hadal::convert {

struct EncodedBlocks {
  std::vector<std::uint8_t> codes, scales;
};

struct EncodedF32Blocks {
  std::vector<std::uint8_t> codes;
  std::vector<float> scales;
};

Result<EncodedF32Blocks> EncodeFp8Block128F32(std::span<const float> w, std::size_t rows,
                                              std::size_t cols, ScaleRule rule);
Result<EncodedBlocks> EncodeFp8Block128(std::span<const float> w, std::size_t rows,
                                        std::size_t cols);
Result<EncodedBlocks> EncodeFp4Block32(std::span<const float> w, std::size_t rows,
                                       std::size_t cols);  // kInvalid: cols not a multiple of 32
Result<std::vector<std::uint16_t>> EncodeBf16(std::span<const float> w, std::size_t rows,
                                              std::size_t cols);

}  // namespace hadal::convert
