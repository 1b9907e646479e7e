// Scores of thirty-two stored keys at a time in squares of heads and keys (squares_i8mm.h); see
// packed_index_scores.h.
#include "kernels/squares_i8mm.h"

#include "kernels/codes.inc"
#include "kernels/packed_key_scales.inc"
#include "kernels/simd_args.h"

namespace hadal::kernels::HADAL_ISA {
namespace {

constexpr std::size_t kKeys = 32, kKeyPairs = kKeys / 2;
constexpr std::size_t kTileKeys = 2 * kSquares;
constexpr std::size_t kUnfoldedHeads = 2;         // pairs of a tile, whose sums are in registers
constexpr std::size_t kHeadPairs = 2 * kSquares;  // laid out at a time

// Folded: a key's blocks share the smallest one's scale, so the values of the others are shifted
// left and a head's dot with the key is one integer.
struct KeySquares {
  alignas(64) std::uint8_t pairs[kMaxBlocks][4][kKeyPairs][kPairBytes];  // [block][group]
  alignas(64) float scales[kMaxBlocks][kKeyPairs][4];
  alignas(64) float shared[kKeys];  // the scale, folded
  bool folded;
};

// Of some heads of a query, as the keys' are; behind the last head zeros.
struct HeadSquares {
  alignas(64) std::uint8_t pairs[kMaxBlocks][4][kHeadPairs][kPairBytes];
  alignas(64) float scales[kMaxBlocks][kHeadPairs][4];
  float w[2 * kHeadPairs];
};

void DecodeScales(const PanelScales& scales, std::size_t blocks, std::size_t panel,
                  KeySquares& out) {
  for (std::size_t b = 0; b < blocks; ++b) {
    float of[16];
    E8m0ToFloat(scales.of[b]).Store(of);
    for (std::size_t i = 0; i < 16; i += 2)
      vst1q_f32(out.scales[b][8 * panel + i / 2], OfSecond(of[i], of[i + 1]));
  }
}

void ShiftBlock(const PanelScales& scales, std::size_t b, std::size_t panel, KeySquares& out) {
  std::uint8_t by[16];
  (I16::From(scales.of[b]) - I16::From(scales.least)).Bits().StoreBytes(by);
  for (std::size_t i = 0; i < 8; ++i) {
    const int8x16_t shifts =
        vreinterpretq_s8_u8(vcombine_u8(vdup_n_u8(by[2 * i]), vdup_n_u8(by[2 * i + 1])));
    for (auto& group : out.pairs[b]) {
      std::uint8_t* at = group[8 * panel + i];
      Pair{vshlq_s8(Pair::Load(at).v, shifts)}.Store(at);
    }
  }
}

void DecodeKeys(const PackedIndexScoreArgs& a, std::size_t key, std::size_t count,
                KeySquares& out) {
  const std::uint8_t* first = a.keys + key * a.key_bytes;
  const std::size_t blocks = a.dim / 32;
  const PanelRows rows[2] = {{first, a.key_bytes, 0, count}, {first, a.key_bytes, 1, count}};
  const PanelScales scales[2] = {{rows[0], a.dim}, {rows[1], a.dim}};
  out.folded = a.folded && scales[0].Fold() && scales[1].Fold();
  for (std::size_t p = 0; p < 2; ++p) {
    for (std::size_t b = 0; b < blocks; ++b)
      for (std::size_t i = 0; i < 16; i += 2)
        BlockPairs::OfFp4(rows[p].row[i] + 16 * b, rows[p].row[i + 1] + 16 * b)
            .Store(out.pairs[b][0][8 * p + i / 2], sizeof(out.pairs[b][0]));
    if (!out.folded) {
      DecodeScales(scales[p], blocks, p, out);
      continue;
    }
    for (std::size_t b = 0; b < blocks; ++b) ShiftBlock(scales[p], b, p, out);
    E8m0ToFloat(scales[p].least).Store(out.shared + 16 * p);
  }
}

// Heads `head` and on, from the words of four channels of all heads that a folded query has.
void LayOutFolded(const PackedIndexScoreArgs& a, const PackedIndexQuery& query, std::size_t head,
                  HeadSquares& out) {
  const std::size_t count = a.heads - head < 2 * kHeadPairs ? a.heads - head : 2 * kHeadPairs;
  for (std::size_t g = 0; g < a.dim / 8; ++g) {
    const std::uint8_t* first = query.folded_q + 4 * (2 * g * a.heads + head);
    const std::uint8_t* second = first + 4 * a.heads;
    std::uint8_t* to = out.pairs[g / 4][g % 4][0];
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const int32x4_t p = vreinterpretq_s32_u8(vld1q_u8(first + 4 * i));
      const int32x4_t q = vreinterpretq_s32_u8(vld1q_u8(second + 4 * i));
      Pair{vreinterpretq_s8_s32(vzip1q_s32(p, q))}.Store(to + 8 * i);
      Pair{vreinterpretq_s8_s32(vzip2q_s32(p, q))}.Store(to + 8 * i + kPairBytes);
    }
    for (; i < count; ++i) {
      __builtin_memcpy(to + 8 * i, first + 4 * i, 4);
      __builtin_memcpy(to + 8 * i + 4, second + 4 * i, 4);
    }
    if (count % 2 != 0) __builtin_memset(to + 8 * count, 0, 8);
  }
  for (std::size_t i = 0; i < count; ++i) out.w[i] = query.folded_w[head + i];
  if (count % 2 != 0) out.w[count] = 0;
}

void LayOutHeads(const PackedIndexScoreArgs& a, const PackedIndexQuery& query, std::size_t head,
                 HeadSquares& out) {
  static constexpr std::uint8_t kNone[kPackedDim] = {};
  const std::size_t count = a.heads - head < 2 * kHeadPairs ? a.heads - head : 2 * kHeadPairs;
  const std::size_t scales_at = (a.dim + 127) / 128 * 128;
  for (std::size_t i = 0; i < count; i += 2) {
    const bool both = i + 1 < count;
    const std::uint8_t* p = query.q + (head + i) * a.q_bytes;
    const std::uint8_t* q = both ? p + a.q_bytes : kNone;
    for (std::size_t b = 0; b < a.dim / 32; ++b) {
      const std::size_t even = b / 4 * 128 + b % 4 * 16;
      BlockPairs::OfInt8(p + even, q + even).Store(out.pairs[b][0][i / 2], sizeof(out.pairs[b][0]));
      float scales[2] = {};
      __builtin_memcpy(&scales[0], p + scales_at + 4 * b, 4);
      if (both) __builtin_memcpy(&scales[1], q + scales_at + 4 * b, 4);
      vst1q_f32(out.scales[b][i / 2], OfFirst(scales[0], scales[1]));
    }
    out.w[i] = query.w[head + i];
    out.w[i + 1] = both ? query.w[head + i + 1] : 0;
  }
}

// Adds two heads' terms, the first one's first, to the scores of four keys, of two squares.
float32x4_t AddTerms(float32x4_t score, FloatSquare a, FloatSquare b, const float* w) {
  score = vaddq_f32(score, vmulq_n_f32(FirstRow(a, b), w[0]));
  return vaddq_f32(score, vmulq_n_f32(SecondRow(a, b), w[1]));
}

// AddHeads and AddFoldedHeads add the terms of kCount pairs of heads to the scores of a tile of
// keys. Everything of a tile is in registers: no inlining, constant indices.
template <std::size_t kCount>
[[gnu::noinline]] void AddHeads(const HeadSquares& heads, std::size_t head, const KeySquares& keys,
                                std::size_t key, std::size_t blocks, float* scores) {
  FloatSquare sums[kCount][kSquares];
  const auto for_squares = [](auto f) {
    ForCounts<kCount>([&](auto h) { ForCounts<kSquares>([&](auto k) { f(h, k); }); });
  };
  for_squares([&](auto h, auto k) { sums[h][k] = vdupq_n_f32(0); });
  for (std::size_t b = 0; b < blocks; ++b) {
    Square dots[kCount][kSquares];
    ClearSquares(dots);
    const Pairs q{heads.pairs[b][0][head], sizeof(heads.pairs[b][0]), kPairBytes};
    const Pairs k{keys.pairs[b][0][key], sizeof(keys.pairs[b][0]), kPairBytes};
    ForCounts<4>([&](auto g) { AddGroup(q, g, k, g, dots); });
    for_squares([&](auto h, auto j) {
      const FloatSquare scale =
          vmulq_f32(vld1q_f32(heads.scales[b][head + h]), vld1q_f32(keys.scales[b][key + j]));
      sums[h][j] = vfmaq_f32(sums[h][j], vcvtq_f32_s32(dots[h][j]), scale);
    });
  }
  // As F16::Max(F16::Zero(), sum): NaN stays.
  for_squares([&](auto h, auto j) {
    const FloatSquare zero = vdupq_n_f32(0);
    sums[h][j] = vbslq_f32(vcgtq_f32(zero, sums[h][j]), zero, sums[h][j]);
  });
  ForCounts<kSquares / 2>([&](auto j) {
    float32x4_t score = vld1q_f32(scores + 4 * j);
    ForCounts<kCount>([&](auto h) {
      score = AddTerms(score, sums[h][2 * j], sums[h][2 * j + 1], heads.w + 2 * (head + h));
    });
    vst1q_f32(scores + 4 * j, score);
  });
}

// The same but for the keys' scales, which stay out.
template <std::size_t kCount>
[[gnu::noinline]] void AddFoldedHeads(const HeadSquares& heads, std::size_t head,
                                      const KeySquares& keys, std::size_t key, std::size_t blocks,
                                      float* scores) {
  Square dots[kCount][kSquares];
  ClearSquares(dots);
  const Pairs q{heads.pairs[0][0][head], sizeof(heads.pairs[0][0]), kPairBytes};
  const Pairs k{keys.pairs[0][0][key], sizeof(keys.pairs[0][0]), kPairBytes};
  for (std::size_t g = 0; g < 4 * blocks; ++g) AddGroup(q, g, k, g, dots);
  const auto term = [&](std::size_t h, std::size_t j) {
    return vcvtq_f32_s32(vmaxq_s32(dots[h][j], vdupq_n_s32(0)));
  };
  ForCounts<kSquares / 2>([&](auto j) {
    float32x4_t score = vld1q_f32(scores + 4 * j);
    ForCounts<kCount>([&](auto h) {
      score = AddTerms(score, term(h, 2 * j), term(h, 2 * j + 1), heads.w + 2 * (head + h));
    });
    vst1q_f32(scores + 4 * j, score);
  });
}

// f(pair, count) for tiles of kMost pairs of those laid out from `head` on, the second a Count.
template <std::size_t kMost, class F>
void ForHeadPairs(const PackedIndexScoreArgs& a, std::size_t head, F f) {
  const std::size_t left = (a.heads - head + 1) / 2;
  const std::size_t pairs = left < kHeadPairs ? left : kHeadPairs;
  for (std::size_t h = 0; h < pairs; h += kMost)
    WithCount<kMost>(pairs - h, [&](auto count) { f(h, count); });
}

void ScoreQuery(const PackedIndexScoreArgs& a, const PackedIndexQuery& query,
                const KeySquares& keys, HeadSquares& heads, float* scores) {
  for (std::size_t head = 0; head < a.heads; head += 2 * kHeadPairs) {
    if (keys.folded)
      LayOutFolded(a, query, head, heads);
    else
      LayOutHeads(a, query, head, heads);
    for (std::size_t key = 0; key < kKeys; key += kTileKeys)
      if (keys.folded)
        ForHeadPairs<kSquares>(a, head, [&](std::size_t h, auto count) {
          AddFoldedHeads<count.value>(heads, h, keys, key / 2, a.dim / 32, scores + key);
        });
      else
        ForHeadPairs<kUnfoldedHeads>(a, head, [&](std::size_t h, auto count) {
          AddHeads<count.value>(heads, h, keys, key / 2, a.dim / 32, scores + key);
        });
  }
  if (!keys.folded) return;
  for (std::size_t k = 0; k < kKeys; ++k) scores[k] *= keys.shared[k];
}

}  // namespace

void PackedIndexScores(const PackedIndexScoreArgs& a) {
  KeySquares keys;
  HeadSquares heads;
  for (std::size_t key = 0; key < a.count; key += kKeys) {
    const std::size_t count = a.count - key < kKeys ? a.count - key : kKeys;
    DecodeKeys(a, key, count, keys);
    for (std::size_t row = 0; row < a.rows; ++row) {
      float scores[kKeys] = {};
      ScoreQuery(a, a.queries[row], keys, heads, scores);
      __builtin_memcpy(a.score + row * a.score_stride + key, scores, 4 * count);
    }
  }
}

}  // namespace hadal::kernels::HADAL_ISA
