#include "kernels/rms_norm.h"

#include <cmath>

#include "base/check.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

// From a row's sum of rounded squares.
float ScaleBf16(float square_sum, std::size_t dim, float eps) {
  const float mean = RoundToBf16(square_sum / static_cast<float>(dim));
  return RoundToBf16(1 / std::sqrt(RoundToBf16(mean + eps)));
}

}  // namespace

namespace ref {

float RmsScale(std::span<const float> x, float eps) {
  double sum = 0;
  for (float v : x) sum += double{v} * v;
  return static_cast<float>(1 / std::sqrt(sum / static_cast<double>(x.size()) + double{eps}));
}

void RmsNorm(std::span<const float> x, std::span<const float> gain, float eps, std::span<float> y) {
  double sum = 0;
  for (float v : x) sum += double{v} * v;
  const double scale = 1 / std::sqrt(sum / static_cast<double>(x.size()) + double{eps});
  for (std::size_t d = 0; d < x.size(); ++d)
    y[d] = static_cast<float>(x[d] * scale * (gain.empty() ? 1.0 : double{gain[d]}));
}

void RmsNormBf16Steps(std::span<float> x, float eps) {
  double sum = 0;
  for (float v : x) sum += RoundToBf16(v * v);
  const float scale = ScaleBf16(static_cast<float>(sum), x.size(), eps);
  for (float& v : x) v = RoundToBf16(v * scale);
}

}  // namespace ref

void RmsNorm(std::span<const float> x, std::span<const float> gain, float eps, std::span<float> y) {
  HADAL_CHECK(x.size() == y.size() && (gain.empty() || gain.size() == x.size()));
  const auto scale_row = HADAL_ACTIVE(ScaleRow);
  if (scale_row == nullptr) return ref::RmsNorm(x, gain, eps, y);
  scale_row(x.data(), RmsScale(x, eps), gain.empty() ? nullptr : gain.data(), y.data(), x.size());
}

float RmsScale(std::span<const float> x, float eps) {
  HADAL_CHECK(!x.empty());
  const auto square_sum = HADAL_ACTIVE(SquareSum);
  if (square_sum == nullptr) return ref::RmsScale(x, eps);
  return 1 / std::sqrt(square_sum(x.data(), x.size()) / static_cast<float>(x.size()) + eps);
}

void RmsNormBf16Steps(std::span<float> x, float eps) {
  HADAL_CHECK(!x.empty());
  const auto square_sum = HADAL_ACTIVE(SquareSumBf16);
  if (square_sum == nullptr) return ref::RmsNormBf16Steps(x, eps);
  const float scale = ScaleBf16(square_sum(x.data(), x.size()), x.size(), eps);
  HADAL_ACTIVE(ScaleRowBf16)(x.data(), scale, x.size());
}

void RmsNorm(View2<const float> x, std::span<const float> gain, float eps, View2<float> y,
             Threads& threads) {
  HADAL_CHECK(x.rows() == y.rows());
  ShareRows(x.rows(), x.cols(), kNorming, threads,
            [&](std::size_t t) { RmsNorm(x[t], gain, eps, y[t]); });
}

void RmsNormHeads(View2<float> x, std::size_t head_dim, float eps, Rounding rounding,
                  Threads& threads) {
  HADAL_CHECK(x.cols() % head_dim == 0);
  ShareRows(x.rows(), x.cols(), kNorming, threads, [&](std::size_t t) {
    for (std::size_t begin = 0; begin < x.cols(); begin += head_dim) {
      const std::span<float> head = x[t].subspan(begin, head_dim);
      if (rounding == Rounding::kBf16)
        RmsNormBf16Steps(head, eps);
      else
        RmsNorm(head, {}, eps, head);
    }
  });
}

}  // namespace hadal::kernels
