#include "kernels/packed_index_scores.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/block_quant.h"
#include "kernels/quantized_row.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {

static_assert(kPackedIndexDim <= kPackedDim);

namespace {

// A packed query: whether it is folded (u32), w and folded w [heads] f32, the heads as int8 rows
// (quantized_row.h), then all heads folded, [word, heads] with four bytes in a word: for each block
// of 32 channels the even ones and the odd ones, behind them for each two blocks minus their sums,
// i16.
struct Places {
  std::size_t w, folded_w, rows, row_bytes, folded, folded_sums, end;
  Places(std::size_t heads, std::size_t dim)
      : w(4),
        folded_w(w + 4 * heads),
        rows(folded_w + 4 * heads),
        row_bytes(QuantizedRowBytes(RowFormat::kInt8Block32, dim)),
        folded(rows + heads * row_bytes),
        folded_sums(folded + heads * dim),
        end(folded_sums + 4 * heads * ((dim / kRowBlock + 1) / 2)) {}
};

// The scale codes of an encoded head, and its values twice over.
struct Codes {
  std::byte entry[kPackedIndexDim / 2 + kPackedIndexDim / 32];
  std::size_t dim;
  explicit Codes(std::span<const float> head) : dim(head.size()) {
    EncodeIndexKey(head, std::span(entry).first(IndexKeyBytes(dim)));
  }
  std::uint8_t Scale(std::size_t block) const {
    return std::to_integer<std::uint8_t>(entry[dim / 2 + block]);
  }
  std::int32_t Twice(std::size_t k) const {
    const auto pair = std::to_integer<std::uint8_t>(entry[k / 2]);
    const auto code = static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4);
    return static_cast<std::int32_t>(2 * E2m1ToF32(code));
  }
};

// Scales are half the codes' - and half again, for the keys are doubled too.
float ScaleOf(std::uint8_t code) { return 0.25f * E8m0ToF32(code); }

void PackRow(const Codes& codes, std::byte* row) {
  const std::size_t padded = (codes.dim + 127) / 128 * 128;
  for (std::size_t b = 0; b < codes.dim / kRowBlock; ++b) {
    std::int32_t sum = 0;
    for (std::size_t k = b * kRowBlock; k < (b + 1) * kRowBlock; ++k) {
      row[QuantizedPlace(RowFormat::kInt8Block32, k)] = static_cast<std::byte>(codes.Twice(k));
      sum += codes.Twice(k);
    }
    const float scale = ScaleOf(codes.Scale(b));
    const std::int32_t offset = -12 * sum;
    std::memcpy(row + padded + 4 * b, &scale, 4);
    std::memcpy(row + padded + padded / kRowBlock * 4 + 4 * b, &offset, 4);
  }
}

// Returns the folded head's scale; 0: it cannot be folded. words and sums: of head 0 of `heads`.
float PackFolded(const Codes& codes, std::size_t heads, std::byte* words, std::byte* sums) {
  const std::size_t blocks = codes.dim / kRowBlock;
  std::uint8_t least = codes.Scale(0), most = least;
  for (std::size_t b = 1; b < blocks; ++b) {
    least = std::min(least, codes.Scale(b));
    most = std::max(most, codes.Scale(b));
  }
  if (least < kLeastFoldedScale || most > kMostFoldedScale || most - least > kMaxQueryShift)
    return 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    const std::int32_t factor = 1 << (codes.Scale(b) - least);
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < kRowBlock; ++k) {
      const std::int32_t value = factor * codes.Twice(b * kRowBlock + k);
      const std::size_t word = 8 * b + k % 2 * 4 + k / 8;
      words[4 * heads * word + k / 2 % 4] = static_cast<std::byte>(value);
      sum += value;
    }
    const auto less = static_cast<std::int16_t>(-sum);
    std::memcpy(sums + 4 * heads * (b / 2) + 2 * (b % 2), &less, 2);
  }
  return ScaleOf(least);
}

// Products with it keep to the normal range.
bool IsUsual(float w) {
  return w == 0 || (std::fabs(w) >= 0x1p-40f && std::fabs(w) <= 0x1p40f);  // false for NaN
}

float FloatAt(const std::byte* from, std::size_t i) {
  float value;
  std::memcpy(&value, from + 4 * i, 4);
  return value;
}

}  // namespace

std::size_t PackedIndexQueryBytes(std::size_t heads, std::size_t dim) {
  return Places(heads, dim).end;
}

void PackIndexQuery(View2<const float> q, std::span<const float> w, std::byte* out) {
  HADAL_CHECK(q.cols() <= kPackedIndexDim && q.cols() % kRowBlock == 0 && w.size() == q.rows());
  const Places at(q.rows(), q.cols());
  std::memset(out, 0, at.end);
  std::uint32_t folded = 1;
  for (std::size_t h = 0; h < q.rows(); ++h) {
    const Codes codes(q[h]);
    PackRow(codes, out + at.rows + h * at.row_bytes);
    const float scale =
        PackFolded(codes, q.rows(), out + at.folded + 4 * h, out + at.folded_sums + 4 * h);
    const float folded_w = w[h] * scale;
    if (scale == 0 || !IsUsual(w[h])) folded = 0;
    std::memcpy(out + at.w + 4 * h, &w[h], 4);
    std::memcpy(out + at.folded_w + 4 * h, &folded_w, 4);
  }
  std::memcpy(out, &folded, 4);
}

void PackIndexQueries(View2<const float> q, View2<const float> w, View2<std::byte> out,
                      Threads& threads) {
  const std::size_t heads = w.cols(), dim = q.cols() / heads;
  HADAL_CHECK(q.cols() == heads * dim && out.cols() == PackedIndexQueryBytes(heads, dim));
  HADAL_CHECK(w.rows() == q.rows() && out.rows() == q.rows());
  ShareRows(q.rows(), q.cols(), kRounding, threads, [&](std::size_t t) {
    PackIndexQuery({q[t].data(), heads, dim}, w[t], out[t].data());
  });
}

namespace {

void PackedIndexScoresPlain(const std::byte* query, std::size_t heads, std::size_t dim,
                            const std::byte* keys, std::span<float> score) {
  const Places at(heads, dim);
  const std::size_t padded = (dim + 127) / 128 * 128, bytes = IndexKeyBytes(dim);
  std::vector<float> key(dim);
  for (std::size_t j = 0; j < score.size(); ++j) {
    DecodeIndexKey({keys + j * bytes, bytes}, key);
    double sum = 0;
    for (std::size_t h = 0; h < heads; ++h) {
      const std::byte* head = query + at.rows + h * at.row_bytes;
      double dot = 0;
      for (std::size_t k = 0; k < dim; ++k)
        dot += 2.0 * FloatAt(head + padded, k / kRowBlock) *
               std::to_integer<std::int8_t>(head[QuantizedPlace(RowFormat::kInt8Block32, k)]) *
               key[k];
      sum += std::max(static_cast<double>(static_cast<float>(dot)), 0.0) * FloatAt(query + at.w, h);
    }
    score[j] = static_cast<float>(sum);
  }
}

}  // namespace

namespace ref {

void PackedIndexScores(View2<const float> q, std::span<const float> w, const std::byte* keys,
                       std::span<float> score) {
  const std::size_t dim = q.cols(), bytes = IndexKeyBytes(dim);
  std::vector<float> rounded(q.rows() * dim), key(dim);
  for (std::size_t h = 0; h < q.rows(); ++h)
    std::ranges::copy(q[h], rounded.begin() + static_cast<std::ptrdiff_t>(h * dim));
  RoundFp4(rounded);
  for (std::size_t j = 0; j < score.size(); ++j) {
    DecodeIndexKey({keys + j * bytes, bytes}, key);
    double sum = 0;
    for (std::size_t h = 0; h < q.rows(); ++h) {
      double dot = 0;
      for (std::size_t k = 0; k < dim; ++k) dot += double{rounded[h * dim + k]} * double{key[k]};
      sum += std::max(dot, 0.0) * double{w[h]};
    }
    score[j] = static_cast<float>(sum);
  }
}

}  // namespace ref

namespace {

PackedIndexQuery QueryAt(const std::byte* query, const Places& at) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(query);
  const auto floats = [&](std::size_t place) {
    return reinterpret_cast<const float*>(query + place);
  };
  std::uint32_t folded;
  std::memcpy(&folded, query, 4);
  return {.w = floats(at.w),
          .q = bytes + at.rows,
          .folded_w = floats(at.folded_w),
          .folded_q = folded != 0 ? bytes + at.folded : nullptr};
}

}  // namespace

void PackedIndexScores(View2<const std::byte> queries, std::size_t heads, std::size_t dim,
                       const std::byte* keys, View2<float> score) {
  const Places at(heads, dim);
  HADAL_CHECK(dim <= kPackedIndexDim && dim % kRowBlock == 0);
  HADAL_CHECK(queries.cols() == at.end && score.rows() == queries.rows());
  const auto simd = HADAL_ACTIVE(PackedIndexScores);
  if (simd == nullptr) {
    for (std::size_t t = 0; t < queries.rows(); ++t)
      PackedIndexScoresPlain(queries[t].data(), heads, dim, keys, score[t]);
    return;
  }
  constexpr std::size_t kMost = 32;  // rows at a time
  for (std::size_t begin = 0; begin < queries.rows(); begin += kMost) {
    const std::size_t rows = std::min(queries.rows() - begin, kMost);
    PackedIndexQuery at_once[kMost];
    bool folded = true;
    for (std::size_t t = 0; t < rows; ++t) {
      at_once[t] = QueryAt(queries[begin + t].data(), at);
      folded = folded && at_once[t].folded_q != nullptr;
    }
    simd({.queries = at_once,
          .keys = reinterpret_cast<const std::uint8_t*>(keys),
          .score = score[begin].data(),
          .rows = rows,
          .heads = heads,
          .count = score.cols(),
          .dim = dim,
          .q_bytes = at.row_bytes,
          .key_bytes = IndexKeyBytes(dim),
          .score_stride = score.stride(),
          .folded = folded});
  }
}

}  // namespace hadal::kernels
