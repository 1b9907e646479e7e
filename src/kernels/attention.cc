#include "kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/simd.h"

namespace hadal::kernels {
namespace {

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

void AttendTilePlain(View2<const float> q, View2<const float> kv, float scale,
                     AttentionState& state) {
  float z[kAttentionTile];
  for (std::size_t h = 0; h < q.rows(); ++h) {
    float top = state.max[h];
    for (std::size_t j = 0; j < kv.rows(); ++j) {
      z[j] = static_cast<float>(Dot(q[h], kv[j]) * double{scale});
      top = std::max(top, z[j]);
    }
    const float keep = std::exp(state.max[h] - top);
    const std::span<float> weighted = state.weighted[h];
    state.max[h] = top;
    state.sum[h] *= keep;
    for (float& v : weighted) v *= keep;
    for (std::size_t j = 0; j < kv.rows(); ++j) {
      const float p = std::exp(z[j] - top);
      const std::span<const float> entry = kv[j];
      state.sum[h] += p;
      for (std::size_t d = 0; d < entry.size(); ++d) weighted[d] += p * entry[d];
    }
  }
}

}  // namespace

void AttendBegin(AttentionState& state) {
  HADAL_CHECK(state.sum.size() == state.max.size() && state.weighted.rows() == state.max.size());
  std::ranges::fill(state.max, -std::numeric_limits<float>::infinity());
  std::ranges::fill(state.sum, 0.0f);
  for (std::size_t h = 0; h < state.weighted.rows(); ++h)
    std::ranges::fill(state.weighted[h], 0.0f);
}

void AttendTile(View2<const float> q, View2<const float> kv, float scale, AttentionState& state) {
  HADAL_CHECK(kv.rows() <= kAttentionTile && kv.cols() == q.cols());
  HADAL_CHECK(state.max.size() == q.rows() && state.sum.size() == q.rows());
  HADAL_CHECK(state.weighted.rows() == q.rows() && state.weighted.cols() == q.cols());
  if (kv.rows() == 0) return;
  const auto simd = HADAL_ACTIVE(AttendTile);
  if (simd == nullptr) return AttendTilePlain(q, kv, scale, state);
  simd({.q = q.data(),
        .kv = kv.data(),
        .max = state.max.data(),
        .sum = state.sum.data(),
        .weighted = state.weighted.data(),
        .heads = q.rows(),
        .entries = kv.rows(),
        .dim = q.cols(),
        .q_stride = q.stride(),
        .kv_stride = kv.stride(),
        .weighted_stride = state.weighted.stride(),
        .scale = scale});
}

void AttendEnd(std::span<const float> sink, const AttentionState& state, View2<float> out) {
  HADAL_CHECK(sink.size() == state.max.size() && out.rows() == sink.size());
  HADAL_CHECK(out.cols() == state.weighted.cols() && state.weighted.rows() == sink.size());
  const auto scale_row = HADAL_ACTIVE(ScaleRow);
  for (std::size_t h = 0; h < sink.size(); ++h) {
    // Against the larger of the two, so that neither exponential overflows.
    const float top = std::max(state.max[h], sink[h]);
    const float keep = std::exp(state.max[h] - top);
    const float factor = keep / (state.sum[h] * keep + std::exp(sink[h] - top));
    const std::span<const float> weighted = state.weighted[h];
    const std::span<float> row = out[h];
    if (scale_row != nullptr)
      scale_row(weighted.data(), factor, nullptr, row.data(), row.size());
    else
      for (std::size_t d = 0; d < row.size(); ++d) row[d] = weighted[d] * factor;
  }
}

namespace ref {

void Attend(View2<const float> q, View2<const float> kv, float scale, std::span<const float> sink,
            View2<float> out) {
  std::vector<double> z(kv.rows()), sum(q.cols());
  for (std::size_t h = 0; h < q.rows(); ++h) {
    double top = sink[h];
    for (std::size_t j = 0; j < kv.rows(); ++j) {
      z[j] = Dot(q[h], kv[j]) * double{scale};
      top = std::max(top, z[j]);
    }
    double denominator = std::exp(double{sink[h]} - top);
    std::ranges::fill(sum, 0.0);
    for (std::size_t j = 0; j < kv.rows(); ++j) {
      const double p = std::exp(z[j] - top);
      denominator += p;
      for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += p * double{kv[j][d]};
    }
    for (std::size_t d = 0; d < sum.size(); ++d)
      out[h][d] = static_cast<float>(sum[d] / denominator);
  }
}

}  // namespace ref
}  // namespace hadal::kernels
