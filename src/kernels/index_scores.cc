#include "kernels/index_scores.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/block_quant.h"
#include "kernels/quantized_row.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {

static_assert(kPackedIndexDim <= kPackedDim);

namespace {

float ScorePlain(View2<const float> q, std::span<const float> w, std::span<const float> key,
                 Rounding rounding) {
  double sum = 0;
  for (std::size_t h = 0; h < q.rows(); ++h) {
    double dot = 0;
    for (std::size_t d = 0; d < key.size(); ++d) dot += double{q[h][d]} * key[d];
    if (rounding == Rounding::kBf16) {
      const float relu = std::max(RoundToBf16(static_cast<float>(dot)), 0.0f);
      sum += RoundToBf16(relu * w[h]);
    } else {
      sum += std::max(dot, 0.0) * w[h];
    }
  }
  const auto score = static_cast<float>(sum);
  return rounding == Rounding::kBf16 ? RoundToBf16(score) : score;
}

}  // namespace

void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score) {
  HADAL_CHECK(q.cols() == keys.cols() && w.size() == q.rows() && score.size() == keys.rows());
  if (const auto simd = HADAL_SIMD(IndexScores); simd != nullptr)
    return simd({.q = q.data(),
                 .w = w.data(),
                 .keys = keys.data(),
                 .score = score.data(),
                 .heads = q.rows(),
                 .count = keys.rows(),
                 .dim = q.cols(),
                 .q_stride = q.stride(),
                 .key_stride = keys.stride(),
                 .round_bf16 = rounding == Rounding::kBf16});
  for (std::size_t j = 0; j < keys.rows(); ++j) score[j] = ScorePlain(q, w, keys[j], rounding);
}

std::size_t PackedIndexQueryBytes(std::size_t dim) {
  return QuantizedRowBytes(RowFormat::kInt8Block32, dim);
}

// Twice the values, as an int8 row whose scales are half the codes' (and half again, for the keys are
// doubled too).
void PackIndexQuery(std::span<const float> head, std::byte* out) {
  const std::size_t dim = head.size(), padded = (dim + 127) / 128 * 128, blocks = dim / kInt8Block;
  std::byte entry[kPackedIndexDim / 2 + kPackedIndexDim / 32];
  HADAL_CHECK(dim <= kPackedIndexDim && dim % kInt8Block == 0);
  EncodeIndexKey(head, std::span(entry).first(IndexKeyBytes(dim)));
  std::memset(out, 0, PackedIndexQueryBytes(dim));
  for (std::size_t b = 0; b < blocks; ++b) {
    std::int32_t sum = 0;
    for (std::size_t k = b * kInt8Block; k < (b + 1) * kInt8Block; ++k) {
      const auto pair = std::to_integer<std::uint8_t>(entry[k / 2]);
      const auto code = static_cast<std::uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4);
      const auto twice = static_cast<std::int8_t>(2 * E2m1ToF32(code));
      out[k / 128 * 128 + k % 2 * 64 + k % 128 / 2] = static_cast<std::byte>(twice);
      sum += twice;
    }
    const float scale = 0.25f * E8m0ToF32(std::to_integer<std::uint8_t>(entry[dim / 2 + b]));
    const std::int32_t offset = -12 * sum;
    std::memcpy(out + padded + 4 * b, &scale, 4);
    std::memcpy(out + padded + padded / kInt8Block * 4 + 4 * b, &offset, 4);
  }
}

namespace {

void PackedIndexScoresPlain(const std::byte* q, std::size_t dim, std::span<const float> w,
                            const std::byte* keys, std::span<float> score) {
  const std::size_t padded = (dim + 127) / 128 * 128, bytes = IndexKeyBytes(dim);
  std::vector<float> key(dim);
  for (std::size_t j = 0; j < score.size(); ++j) {
    DecodeIndexKey({keys + j * bytes, bytes}, key);
    double sum = 0;
    for (std::size_t h = 0; h < w.size(); ++h) {
      const std::byte* head = q + h * PackedIndexQueryBytes(dim);
      double dot = 0;
      for (std::size_t k = 0; k < dim; ++k) {
        float scale;
        std::memcpy(&scale, head + padded + k / kInt8Block * 4, 4);
        const auto twice =
            std::to_integer<std::int8_t>(head[k / 128 * 128 + k % 2 * 64 + k % 128 / 2]);
        dot += 2.0 * scale * twice * key[k];
      }
      sum += std::max(static_cast<double>(static_cast<float>(dot)), 0.0) * w[h];
    }
    score[j] = static_cast<float>(sum);
  }
}

}  // namespace

void PackedIndexScores(const std::byte* q, std::size_t dim, std::span<const float> w,
                       const std::byte* keys, std::span<float> score) {
  HADAL_CHECK(dim <= kPackedIndexDim && dim % kInt8Block == 0);
  const auto simd = HADAL_SIMD(PackedIndexScores);
  if (simd == nullptr) return PackedIndexScoresPlain(q, dim, w, keys, score);
  simd({.q = reinterpret_cast<const std::uint8_t*>(q),
        .w = w.data(),
        .keys = reinterpret_cast<const std::uint8_t*>(keys),
        .score = score.data(),
        .heads = w.size(),
        .count = score.size(),
        .dim = dim,
        .q_bytes = PackedIndexQueryBytes(dim),
        .key_bytes = IndexKeyBytes(dim)});
}

TopK::TopK(std::size_t k) : k_(k) {
  candidates_.reserve(2 * k);
  chosen_.reserve(k);
  Reset();
}

void TopK::Reset() {
  candidates_.clear();
  chosen_.clear();
  worst_kept_ = -std::numeric_limits<float>::infinity();
}

void TopK::Push(std::uint32_t first_position, std::span<const float> scores) {
  if (k_ == 0) return;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    // NaN has no place in an order: it counts as the worst.
    const float score = std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
    if (score < worst_kept_) continue;
    candidates_.push_back({score, first_position + static_cast<std::uint32_t>(i)});
    if (candidates_.size() == 2 * k_) Prune();
  }
}

void TopK::Push(const TopK& other) {
  for (const Candidate& candidate : other.candidates_) {
    candidates_.push_back(candidate);
    if (candidates_.size() == 2 * k_) Prune();
  }
}

// Keeps the k best of up to 2k: O(1) a candidate on average.
void TopK::Prune() {
  if (candidates_.size() <= k_) return;
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.position < b.position;
  };
  const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
  std::nth_element(candidates_.begin(), last, candidates_.end(), better);
  worst_kept_ = last->score;
  candidates_.resize(k_);
}

std::span<const std::uint32_t> TopK::Finish() {
  Prune();
  chosen_.clear();
  for (const Candidate& candidate : candidates_) chosen_.push_back(candidate.position);
  std::ranges::sort(chosen_);
  return chosen_;
}

}  // namespace hadal::kernels
