#include "kernels/layer_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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

TEST(LayerNorm, OfEqualNumbersIsTheBias) {
  std::vector<float> x(3, 7.5f);
  Threads threads(1);
  LayerNorm({x.data(), 1, 3}, std::vector<float>{2, 2, 2}, std::vector<float>{1, 2, 3}, 1e-6f,
            {x.data(), 1, 3}, threads);  // in place
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace hadal::kernels
