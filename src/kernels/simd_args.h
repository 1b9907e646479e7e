// What the functions compiled per instruction set are given: plain pointers and sizes, so that those
// files need no header with inline code. Strides count elements.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hadal::kernels {

inline constexpr std::size_t kUnitRows = 16, kUnitTokens = 128;

struct MatMulUnit {  // up to kUnitRows weight rows for up to kUnitTokens tokens
  const float* x;
  const std::uint8_t* codes;
  const std::uint8_t* scales;  // of the unit's first row
  float* y;
  std::size_t tokens, rows, cols;
  std::size_t x_stride, y_stride;
  std::size_t code_bytes, scale_bytes;  // from one row's to the next one's
};

struct AttendTileArgs {
  const float* q;
  const float* kv;
  float *max, *sum, *weighted;
  std::size_t heads, entries, dim;
  std::size_t q_stride, kv_stride, weighted_stride;
  float scale;
};

struct IndexScoreArgs {
  const float* q;
  const float* w;
  const float* keys;
  float* score;
  std::size_t heads, count, dim;
  std::size_t q_stride, key_stride;
  bool round_bf16;
};

}  // namespace hadal::kernels
