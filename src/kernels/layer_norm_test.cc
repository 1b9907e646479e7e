#include "kernels/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"

namespace hadal::kernels {
namespace {

TEST(LayerNorm, TakesMeanAndDeviationAway) {
  const std::vector<float> gain = {1, 2, 1, 1}, bias = {0, 0, 0, 10};
  const std::vector<float> x = {1, 3, 5, 7, -2, -2, 2, 2};
  std::vector<float> y(8, NAN);
  Threads threads(2);
  LayerNorm({x.data(), 2, 4}, gain, bias, 1e-6f, {y.data(), 2, 4}, threads);
  const double root = std::sqrt(5.0);  // of the first row's variance
  const double want[] = {-3 / root, -2 / root, 1 / root, 10 + 3 / root, -1, -2, 1, 11};
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(y[i], want[i], 1e-6) << i;
}

// Sums in float64 and one rounding, of numbers whose mean is far from zero: to the bit.
TEST(LayerNorm, RoundsOnce) {
  constexpr std::size_t kRows = 5, kDim = 128;
  Random random(11);
  std::vector<float> x(kRows * kDim), gain(kDim), bias(kDim), y(x.size(), NAN);
  for (float& v : x) v = static_cast<float>(1000 + random.Normal());
  for (float& v : gain) v = static_cast<float>(random.Normal());
  for (float& v : bias) v = static_cast<float>(random.Normal());
  Threads threads(2);
  LayerNorm({x.data(), kRows, kDim}, gain, bias, 1e-6f, {y.data(), kRows, kDim}, threads);
  for (std::size_t t = 0; t < kRows; ++t) {
    const std::span<const float> row(&x[t * kDim], kDim);
    long double mean = 0, variance = 0;
    for (const float v : row) mean += v / static_cast<long double>(kDim);
    for (const float v : row) variance += (v - mean) * (v - mean) / kDim;
    for (std::size_t d = 0; d < kDim; ++d) {
      const long double normed = (row[d] - mean) / std::sqrt(variance + 1e-6f);
      ASSERT_EQ(y[t * kDim + d], static_cast<float>(normed * gain[d] + bias[d])) << t << " " << d;
    }
  }
}

TEST(LayerNorm, OfEqualNumbersIsTheBias) {
  std::vector<float> x(3, 7.5f);
  Threads threads(1);
  LayerNorm({x.data(), 1, 3}, std::vector<float>{2, 2, 2}, std::vector<float>{1, 2, 3}, 1e-6f,
            {x.data(), 1, 3}, threads);  // in place
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace hadal::kernels
