#include "train/head_loss.h"

#include <gtest/gtest.h>

namespace hadal::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kIgnored = -100;

struct Case {
  Tensor x, w, targets, weights;
  explicit Case(torch::ScalarType type)
      : x(torch::randn({70, 33}, type)),
        w(torch::randn({131, 33}, type)),
        targets(torch::randint(0, 131, {70}, torch::kLong)) {
    targets[3] = kIgnored;
    targets[69] = kIgnored;
  }
};

struct Outcome {
  double loss;
  Tensor dx, dw;
};

// Of a multiple of the sum, as a step takes it.
template <class F>
Outcome Gradients(const Case& c, F&& f) {
  const Tensor x = c.x.clone().requires_grad_(), w = c.w.clone().requires_grad_();
  const Tensor loss = f(x, w);
  (loss * 0.25).backward();
  return {loss.template item<double>(), x.grad(), w.grad()};
}

void ExpectComposition(const Case& c, Products products, double bound) {
  const Outcome got = Gradients(c, [&](const Tensor& x, const Tensor& w) {
    return HeadLoss(x, w, c.targets, kIgnored, products, c.weights);
  });
  const Outcome want = Gradients(c, [&](const Tensor& x, const Tensor& w) {
    return plain::HeadLoss(x, w, c.targets, kIgnored, products, c.weights);
  });
  EXPECT_NEAR(got.loss, want.loss, bound * want.loss);
  EXPECT_LT((got.dx - want.dx).abs().max().item<double>(),
            bound * want.dx.abs().max().item<double>());
  EXPECT_LT((got.dw - want.dw).abs().max().item<double>(),
            bound * want.dw.abs().max().item<double>());
  EXPECT_EQ(got.dx[3].abs().max().item<double>(), 0);
}

TEST(HeadLoss, IsTheCompositionWithItsGradient) {
  torch::manual_seed(1);
  ExpectComposition(Case(torch::kDouble), Products::kF32, 1e-12);
  ExpectComposition(Case(torch::kFloat), Products::kF32, 1e-5);
}

TEST(HeadLoss, OfRowsWithWeightsToo) {
  torch::manual_seed(2);
  Case c(torch::kDouble);
  c.weights = torch::rand({70}, torch::kDouble) * 8;
  ExpectComposition(c, Products::kF32, 1e-12);
}

// 0.25 is a power of two: both round the same numbers.
TEST(HeadLoss, RoundsFactorsAsTheCompositionDoes) {
  if (FastestProducts() != Products::kBf16) GTEST_SKIP() << "no BF16 dot products here";
  torch::manual_seed(1);
  ExpectComposition(Case(torch::kFloat), Products::kBf16, 1e-3);
}

TEST(HeadLoss, OfNothingIsZero) {
  const Tensor x = torch::randn({2, 5}).requires_grad_(), w = torch::randn({7, 5}).requires_grad_();
  const Tensor none = torch::full({2}, kIgnored, torch::kLong);
  const Tensor loss = HeadLoss(x, w, none, kIgnored, Products::kF32);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(x.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(w.grad().abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace hadal::train
