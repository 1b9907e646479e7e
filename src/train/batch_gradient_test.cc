#include "train/batch_gradient.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/cross_entropy.h"
#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

TrainConfig ConfigWith(std::size_t shards) {
  TrainConfig config;
  config.precision = "f32";
  config.batch.rows = 4;
  config.batch.tokens = 20;
  config.batch.shards = shards;
  config.loss.balance = 0;  // is a mean over shards
  return config;
}

Sample RandomSample(const TrainConfig& config) {
  Sample sample;
  sample.rows = config.batch.rows;
  sample.row_tokens = config.batch.tokens;
  Random random(9);
  for (std::size_t i = 0; i < sample.rows * sample.row_tokens; ++i) {
    for (auto* ids : {&sample.ids, &sample.targets, &sample.mtp_targets})
      ids->push_back(static_cast<std::int64_t>(random.Below(TinyConfig().vocab_size)));
    sample.documents.push_back(0);
    if (i % 7 == 0 || i >= 45) sample.targets.back() = Sample::kIgnored;
    sample.weights.push_back(sample.targets.back() == Sample::kIgnored ? 0 : 1);
    sample.mtp_weights.push_back(1);
  }
  return sample;
}

struct Computed {
  BatchLoss loss;
  std::vector<Tensor> gradients;
};

Computed Compute(std::size_t shards, std::size_t threads, const Sample& sample) {
  const TrainConfig config = ConfigWith(shards);
  Workers workers(threads, 1);
  V4Model model = TinyModel(TinyConfig(), torch::kFloat);
  BatchGradient batch(model, config, workers);
  StepPlan plan;
  plan.mtp_weight = 0.5;
  auto loss = batch.Compute(sample, plan);
  EXPECT_TRUE(loss.ok()) << loss.error().what;
  Computed computed{*loss, {}};
  for (const Tensor& parameter : model->parameters())
    computed.gradients.push_back(parameter.grad());
  return computed;
}

Computed Compute(std::size_t shards, std::size_t threads) {
  return Compute(shards, threads, RandomSample(ConfigWith(shards)));
}

double LengthOf(const std::vector<Tensor>& gradients) {
  double squares = 0;
  for (const Tensor& gradient : gradients)
    if (gradient.defined()) squares += gradient.to(torch::kDouble).square().sum().item<double>();
  return std::sqrt(squares);
}

TEST(BatchGradient, OfShardsIsThatOfTheWholeBatch) {
  const Computed whole = Compute(1, 1), halves = Compute(2, 2);
  EXPECT_NEAR(halves.loss.loss, whole.loss.loss, 1e-5);
  EXPECT_NEAR(halves.loss.mtp_loss, whole.loss.mtp_loss, 1e-5);
  const double length = LengthOf(whole.gradients);
  EXPECT_GT(length, 0);
  EXPECT_NEAR(whole.loss.gradient_length, length, 1e-5 * length);
  EXPECT_NEAR(halves.loss.gradient_length, LengthOf(halves.gradients), 1e-5 * length);
  for (std::size_t i = 0; i < whole.gradients.size(); ++i) {
    ASSERT_EQ(whole.gradients[i].defined(), halves.gradients[i].defined());
    if (!whole.gradients[i].defined()) continue;
    EXPECT_LT((whole.gradients[i] - halves.gradients[i]).abs().max().item<double>(), 1e-5 * length);
  }
}

TEST(BatchGradient, TheLossIsThatOfTheLogits) {
  const TrainConfig config = ConfigWith(1);
  const Sample sample = RandomSample(config);
  const torch::NoGradGuard no_grad;
  const auto part = [&](const std::vector<std::int64_t>& values) {
    return SampleRows(sample, values, 0, sample.rows, torch::kCPU);
  };
  V4Model model = TinyModel(TinyConfig(), torch::kFloat);
  const Output output = model->Forward({part(sample.ids), part(sample.documents)}, {});
  const auto mean = [&](const Tensor& logits, const std::vector<std::int64_t>& targets) {
    return SumOfCrossEntropy(logits.flatten(0, 1), part(targets).flatten(), Sample::kIgnored)
               .item<double>() /
           static_cast<double>(CountTargets(targets));
  };
  const BatchLoss loss = Compute(1, 1).loss;
  EXPECT_NEAR(loss.loss, mean(output.logits, sample.targets), 1e-5);
  EXPECT_NEAR(loss.mtp_loss, mean(output.mtp_logits, sample.mtp_targets), 1e-5);
}

// Of the gradient, since a loss of which half the tokens weigh twice is that of all of them and of
// that half once more.
TEST(BatchGradient, WeighsTokens) {
  const Sample sample = RandomSample(ConfigWith(2));
  Sample half = sample, weighed = sample;
  for (std::size_t i = 0; i < sample.targets.size(); ++i) {
    if (i % 2 == 0) {
      half.targets[i] = Sample::kIgnored;
      half.weights[i] = 0;
    }
    weighed.weights[i] += half.weights[i];
  }
  const Computed all = Compute(2, 2, sample), one = Compute(2, 2, half),
                 both = Compute(2, 2, weighed);
  const double a = SumOfWeights(sample.weights), b = SumOfWeights(half.weights);
  EXPECT_NEAR(both.loss.loss, (a * all.loss.loss + b * one.loss.loss) / (a + b), 1e-5);
  for (std::size_t i = 0; i < both.gradients.size(); ++i) {
    if (!both.gradients[i].defined()) continue;
    const Tensor want = (a * all.gradients[i] + b * one.gradients[i]) / (a + b);
    EXPECT_LE((both.gradients[i] - want).norm().item<double>(),
              1e-4 * want.norm().item<double>() + 1e-7)
        << i;
  }
}

}  // namespace
}  // namespace hadal::train
