#include "kernels/rms_norm.h"

#include <cmath>

#include "base/check.h"
#include "tensor/codec.h"

namespace hadal::kernels {
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
  ref::RmsNorm(x, gain, eps, y);
}

float RmsScale(std::span<const float> x, float eps) {
  HADAL_CHECK(!x.empty());
  return ref::RmsScale(x, eps);
}

void RmsNormBf16Steps(std::span<float> x, float eps) {
  double sum = 0;
  for (float v : x) sum += RoundToBf16(v * v);
  const float mean = RoundToBf16(static_cast<float>(sum / static_cast<double>(x.size())));
  const float scale = RoundToBf16(1 / std::sqrt(RoundToBf16(mean + eps)));
  for (float& v : x) v = RoundToBf16(v * scale);
}

}  // namespace hadal::kernels
