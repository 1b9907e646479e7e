#include "train/cross_entropy.h"

#include <gtest/gtest.h>

namespace hadal::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kIgnored = -1;

TEST(CrossEntropy, IsLibTorchsWithItsGradient) {
  torch::manual_seed(1);
  namespace F = torch::nn::functional;
  for (const auto& [type, bound] : {std::pair{torch::kFloat, 2e-5}, {torch::kDouble, 1e-12}}) {
    Tensor targets = torch::randint(0, 37, {70}, torch::kLong);
    targets[3] = kIgnored;
    targets[69] = kIgnored;
    const Tensor values = torch::randn({70, 37}, type) * 20;  // some probabilities vanish
    const Tensor mine = values.clone().requires_grad_(), its = values.clone().requires_grad_();
    const Tensor loss = SumOfCrossEntropy(mine, targets, kIgnored);
    const Tensor expected = F::cross_entropy(
        its, targets, F::CrossEntropyFuncOptions().ignore_index(kIgnored).reduction(torch::kSum));
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), bound * expected.item<double>());
    (loss * 0.25).backward();
    (expected * 0.25).backward();
    EXPECT_LT((mine.grad() - its.grad()).abs().max().item<double>(), bound);
    EXPECT_EQ(mine.grad()[3].abs().max().item<double>(), 0);
  }
}

TEST(CrossEntropy, OfNothingIsZero) {
  const Tensor logits = torch::randn({2, 5}).requires_grad_();
  const Tensor loss = SumOfCrossEntropy(logits, torch::full({2}, kIgnored, torch::kLong), kIgnored);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace hadal::train
