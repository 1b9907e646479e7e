#include "kernels/index_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
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

// Of a long stream nearly every score is below what is kept: looked at so many at once, without a
// branch for each.
constexpr std::size_t kAtOnce = 16;
bool AllBelow(const float* scores, float least) {
  int below = 0;
  for (std::size_t i = 0; i < kAtOnce; ++i) below += scores[i] < least ? 1 : 0;
  return below == kAtOnce;  // a NaN is not below
}

// NaN has no place in an order: it counts as the worst.
float Comparable(float score) {
  return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score;
}

}  // namespace

namespace ref {

void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score) {
  for (std::size_t j = 0; j < keys.rows(); ++j) score[j] = ScorePlain(q, w, keys[j], rounding);
}

std::vector<std::uint32_t> Best(std::span<const float> scores, std::size_t k) {
  std::vector<std::uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return Comparable(scores[a]) > Comparable(scores[b]);
  });
  order.resize(std::min(k, order.size()));
  std::ranges::sort(order);
  return order;
}

}  // namespace ref

void IndexScores(View2<const float> q, std::span<const float> w, View2<const float> keys,
                 Rounding rounding, std::span<float> score) {
  HADAL_CHECK(q.cols() == keys.cols() && w.size() == q.rows() && score.size() == keys.rows());
  if (const auto simd = HADAL_ACTIVE(IndexScores); simd != nullptr)
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
  ref::IndexScores(q, w, keys, rounding, score);
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
  for (std::size_t i = 0; i < scores.size(); i += kAtOnce) {
    const std::size_t end = std::min(i + kAtOnce, scores.size());
    if (end - i == kAtOnce && AllBelow(scores.data() + i, worst_kept_)) continue;
    for (std::size_t j = i; j < end; ++j) {
      const float score = Comparable(scores[j]);
      if (score < worst_kept_) continue;
      candidates_.push_back({score, first_position + static_cast<std::uint32_t>(j)});
      if (candidates_.size() == 2 * k_) Prune();
    }
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
