#include "train/cross_entropy.h"

#include <gtest/gtest.h>

namespace hadal::train {
namespace {

using torch::Tensor;

constexpr std::int64_t kIgnored = -1;

TEST(CrossEntropy, IsLibTorchs) {
  torch::manual_seed(1);
  namespace F = torch::nn::functional;
  for (const auto& [type, bound] : {std::pair{torch::kFloat, 2e-5}, {torch::kDouble, 1e-12}}) {
    Tensor targets = torch::randint(0, 37, {70}, torch::kLong);
    targets[3] = kIgnored;
    targets[69] = kIgnored;
    const Tensor values = torch::randn({70, 37}, type) * 20;  // some probabilities vanish
    const Tensor loss = SumOfCrossEntropy(values, targets, kIgnored);
    const Tensor expected = F::cross_entropy(
        values, targets,
        F::CrossEntropyFuncOptions().ignore_index(kIgnored).reduction(torch::kSum));
    EXPECT_NEAR(loss.item<double>(), expected.item<double>(), bound * expected.item<double>());
  }
}

TEST(CrossEntropy, OfNothingIsZero) {
  const Tensor logits = torch::randn({2, 5});
  const Tensor loss = SumOfCrossEntropy(logits, torch::full({2}, kIgnored, torch::kLong), kIgnored);
  EXPECT_EQ(loss.item<double>(), 0);
}

}  // namespace
}  // namespace hadal::train
