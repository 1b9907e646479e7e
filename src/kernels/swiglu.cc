#include "kernels/swiglu.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/share_rows.h"
#include "kernels/simd.h"

namespace hadal::kernels {
namespace ref {

void SwiGlu(std::span<const float> gate, std::span<const float> up, float limit, float weight,
            std::span<float> h) {
  for (std::size_t i = 0; i < h.size(); ++i) {
    const double g = std::min(gate[i], limit);
    const double u = std::max(std::min(up[i], limit), -limit);
    h[i] = static_cast<float>(g / (1 + std::exp(-g)) * u * double{weight});
  }
}

}  // namespace ref

void SwiGlu(std::span<const float> gate, std::span<const float> up, float limit, float weight,
            std::span<float> h) {
  HADAL_CHECK(gate.size() == h.size() && up.size() == h.size());
  const auto simd = HADAL_ACTIVE(SwiGlu);
  if (simd == nullptr) return ref::SwiGlu(gate, up, limit, weight, h);
  simd(gate.data(), up.data(), limit, weight, h.data(), h.size());
}

void SwiGlu(View2<const float> gate, View2<const float> up, float limit,
            std::span<const float> weights, View2<float> h, Threads& threads) {
  HADAL_CHECK(gate.rows() == h.rows() && up.rows() == h.rows());
  HADAL_CHECK(weights.empty() || weights.size() == h.rows());
  ShareRows(h.rows(), h.cols(), kExponents, threads, [&](std::size_t t) {
    SwiGlu(gate[t], up[t], limit, weights.empty() ? 1 : weights[t], h[t]);
  });
}

}  // namespace hadal::kernels
