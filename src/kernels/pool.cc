#include "kernels/pool.h"

#include <algorithm>
#include <cmath>

#include "kernels/simd.h"

namespace hadal::kernels {
namespace ref {

void PoolSoftmax(View2<const float> kv, View2<const float> score, std::span<float> y) {
  for (std::size_t c = 0; c < y.size(); ++c) {
    double top = score[0][c];
    for (std::size_t r = 1; r < kv.rows(); ++r) top = std::max(top, double{score[r][c]});
    double sum = 0, weighted = 0;
    for (std::size_t r = 0; r < kv.rows(); ++r) {
      const double p = std::exp(double{score[r][c]} - top);
      sum += p;
      weighted += p * double{kv[r][c]};
    }
    y[c] = static_cast<float>(weighted / sum);
  }
}

}  // namespace ref

void PoolSoftmax(View2<const float> kv, View2<const float> score, std::span<float> y) {
  HADAL_CHECK(kv.rows() >= 1 && kv.rows() == score.rows());
  HADAL_CHECK(kv.cols() == y.size() && score.cols() == y.size());
  const auto simd = HADAL_ACTIVE(PoolSoftmax);
  if (simd == nullptr) return ref::PoolSoftmax(kv, score, y);
  simd(kv.data(), kv.stride(), score.data(), score.stride(), kv.rows(), y.data(), y.size());
}

}  // namespace hadal::kernels
