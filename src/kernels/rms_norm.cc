#include "kernels/rms_norm.h"

#include <cmath>

#include "base/check.h"
#include "kernels/simd.h"
#include "tensor/codec.h"

namespace hadal::kernels {
namespace {

float PlainSquareSumBf16(std::span<const float> x) {
  double sum = 0;
  for (float v : x) sum += RoundToBf16(v * v);
  return static_cast<float>(sum);
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
  const float sum = square_sum == nullptr ? PlainSquareSumBf16(x) : square_sum(x.data(), x.size());
  const float mean = RoundToBf16(sum / static_cast<float>(x.size()));
  const float scale = RoundToBf16(1 / std::sqrt(RoundToBf16(mean + eps)));
  if (const auto scale_row = HADAL_ACTIVE(ScaleRowBf16); scale_row != nullptr)
    return scale_row(x.data(), scale, x.size());
  for (float& v : x) v = RoundToBf16(v * scale);
}

}  // namespace hadal::kernels
