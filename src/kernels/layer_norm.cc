#include "kernels/layer_norm.h"

#include <cmath>

#include "base/check.h"
#include "kernels/share_rows.h"

namespace hadal::kernels {
namespace ref {

void LayerNorm(std::span<const float> x, std::span<const float> gain, std::span<const float> bias,
               float eps, std::span<float> y) {
  const double dim = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const float v : x) sum += v;
  const double mean = sum / dim;
  for (const float v : x) squares += (v - mean) * (v - mean);
  const double scale = 1 / std::sqrt(squares / dim + eps);
  for (std::size_t d = 0; d < x.size(); ++d)
    y[d] = static_cast<float>((x[d] - mean) * scale * gain[d] + bias[d]);
}

}  // namespace ref

void LayerNorm(View2<const float> x, std::span<const float> gain, std::span<const float> bias,
               float eps, View2<float> y, Threads& threads) {
  HADAL_CHECK(x.cols() > 0 && gain.size() == x.cols() && bias.size() == x.cols());
  HADAL_CHECK(y.rows() == x.rows() && y.cols() == x.cols());
  ShareRows(x.rows(), x.cols(), kExponents, threads,
            [&](std::size_t t) { ref::LayerNorm(x[t], gain, bias, eps, y[t]); });
}

}  // namespace hadal::kernels
