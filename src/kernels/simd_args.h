// What the functions compiled per instruction set are given: plain pointers and sizes, so that
// those files need no header with inline code. Strides count elements.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hadal::kernels {

// Up to kDirectTokens tokens a unit has kDirectRows rows, for more kUnitRows: weights that go from
// memory through the registers, and those that are decoded once for a block of tokens, which BF16
// need not be. Both numbers of rows divide the 128 that share a row of FP8 scales.
inline constexpr std::size_t kDirectTokens = 4, kDirectRows = 32;
// 64 x 64 sums of 16 lanes are 256 KiB, the decoded weights 128 KiB: both stay in a second-level
// cache of 512 KiB, and every input is read from beyond it once per 64 rows.
inline constexpr std::size_t kUnitTokens = 64, kUnitRows = 64;

struct MatMulUnit {  // up to kUnitRows weight rows for up to kUnitTokens tokens
  const float* x;
  const std::uint8_t* codes;
  const std::uint8_t* scales;  // of the unit's first row
  float* y;
  std::size_t tokens, rows, cols;
  std::size_t x_stride, y_stride;
  std::size_t code_bytes, scale_bytes;  // from one row's to the next one's
};

// Thirty-two rows, two panels of sixteen lanes, for a block of tokens whose sums stay in a
// first-level cache beside the decoded weights.
inline constexpr std::size_t kQuantizedRows = 32, kQuantizedTokens = 128;

struct QuantizedUnit {  // up to kQuantizedRows weight rows for up to kQuantizedTokens tokens
  const std::uint8_t* const* x;  // [tokens] quantised rows
  float* const* y;               // [tokens]: rows of the output, from the unit's first row on
  const std::uint8_t* codes;     // of the unit's first row
  const std::uint8_t* scales;    // FP4: of the unit's first row; FP8: of its block of 128 rows
  std::size_t tokens, rows, cols;
  std::size_t code_bytes, scale_bytes;  // from one row's to the next one's; FP8: one block row's
  std::size_t first_row_in_block;       // FP8
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

inline constexpr std::size_t kPackedDim = 1024;  // at most

// Blocks whose scales lie this many powers of two apart at most, within 2^-24 to 2^24, can share
// the smallest one: pairs of products stay within int16, and no float of the sums leaves the normal
// range.
inline constexpr int kMaxKeyShift = 2, kMaxQueryShift = 3;
inline constexpr int kLeastFoldedScale = 127 - 24, kMostFoldedScale = 127 + 24;

struct PackedIndexQuery {
  const float* w;
  const std::uint8_t* q;
  const float* folded_w;         // w times the folded queries' scales
  const std::uint8_t* folded_q;  // null: the query cannot be folded
};
struct PackedIndexScoreArgs {
  const PackedIndexQuery* queries;
  const std::uint8_t* keys;
  float* score;
  std::size_t rows, heads, count, dim;
  std::size_t q_bytes, key_bytes, score_stride;
  bool folded;  // all queries can be
};

}  // namespace hadal::kernels
