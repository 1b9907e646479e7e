// Gradients against finite differences in float64, for every parameter of a model with every kind
// of layer; and that losses reach the parameters they are meant for.
#include <gtest/gtest.h>

#include <cmath>

#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

bool IsIndexer(const std::string& name) { return name.find("indexer") != std::string::npos; }

// Random linear readings of both logits, plus the balance loss.
Tensor MainLoss(const Output& out, const Tensor& reading, const Tensor& mtp_reading) {
  return (out.logits * reading).mean() + (out.mtp_logits * mtp_reading).mean() +
         0.3 * out.balance_loss;
}

arch::Config ConfigFor(Residual residual) {
  arch::Config config = TinyConfig();
  if (residual == Residual::kPlain) config.hc_mult = 1;
  if (residual == Residual::kUnconstrained) config.hc_mult = 6;  // not a multiple of four either
  return config;
}

class Differences : public ::testing::Test {
 protected:
  Differences(Attention attention, Residual residual)
      : config_(ConfigFor(residual)), model_(TinyModel(config_, torch::kDouble, 7, residual)) {
    torch::manual_seed(11);
    reading_ = torch::randn({2, 140, 24}, torch::kDouble);
    mtp_reading_ = torch::randn({2, 140, 24}, torch::kDouble);
    options_.attention = attention;
  }

  Tensor Loss(bool indexer) {
    const Output out = model_->Forward(batch_, options_);
    return indexer ? out.indexer_loss : MainLoss(out, reading_, mtp_reading_);
  }
  double LossAt(Tensor& parameter, std::int64_t index, double by, bool indexer) {
    const torch::NoGradGuard no_grad;
    double& value = parameter.data_ptr<double>()[index];
    const double before = value;
    value += by;
    const double loss = Loss(indexer).item<double>();
    value = before;
    return loss;
  }
  // A clamp that turns within the step spoils the difference; within both steps, hardly ever.
  void CheckAt(const std::string& name, Tensor parameter, std::int64_t index, bool indexer) {
    const Tensor grad = parameter.grad();
    const double got = grad.defined() ? grad.flatten()[index].item<double>() : 0;
    double want = 0, bound = 0;
    for (const double step : {1e-6, 1e-7}) {
      want = (LossAt(parameter, index, step, indexer) - LossAt(parameter, index, -step, indexer)) /
             (2 * step);
      bound = 2e-15 / step + 1e-5 * std::fabs(want);
      if (std::fabs(got - want) <= bound) break;
    }
    EXPECT_NEAR(got, want, bound) << name << " [" << index << "]";
    if (std::fabs(want) > 1e-7) ++telling_;
    ++checked_;
  }
  // Where the gradient is largest, and anywhere.
  void CheckParameter(const std::string& name, const Tensor& parameter, bool indexer,
                      Random& random) {
    if (parameter.grad().defined())
      CheckAt(name, parameter, parameter.grad().abs().flatten().argmax().item<std::int64_t>(),
              indexer);
    const auto elements = static_cast<std::size_t>(parameter.numel());
    CheckAt(name, parameter, static_cast<std::int64_t>(random.Below(elements)), indexer);
  }
  // Most gradients must be far above the tolerance, or the comparison says nothing.
  void ExpectTelling() const { EXPECT_GT(telling_, checked_ * 9 / 10); }

  arch::Config config_;
  V4Model model_;
  Batch batch_ = TinyBatch(config_, {{140}, {9, 128, 3}});
  ForwardOptions options_;
  Tensor reading_, mtp_reading_;
  int checked_ = 0, telling_ = 0;
};

class Gradient : public Differences, public ::testing::WithParamInterface<Attention> {
 protected:
  Gradient() : Differences(GetParam(), Residual::kManifold) {}
};

class ResidualGradient : public Differences, public ::testing::WithParamInterface<Residual> {
 protected:
  ResidualGradient() : Differences(Attention::kDense, GetParam()) {}
};

TEST_P(ResidualGradient, OfTheMainLossAgreesWithFiniteDifferences) {
  Loss(/*indexer=*/false).backward();
  Random random(7);
  std::size_t of_hyper_connections = 0;
  for (auto& item : model_->named_parameters()) {
    if (!IsIndexer(item.key())) CheckParameter(item.key(), *item, false, random);
    of_hyper_connections += item.key().find("hc_") != std::string::npos ? 1 : 0;
  }
  ExpectTelling();
  EXPECT_EQ(of_hyper_connections == 0, GetParam() == Residual::kPlain);
}

INSTANTIATE_TEST_SUITE_P(Others, ResidualGradient,
                         ::testing::Values(Residual::kUnconstrained, Residual::kPlain));

TEST_P(Gradient, OfTheMainLossAgreesWithFiniteDifferences) {
  if (GetParam() == Attention::kWarmup) GTEST_SKIP() << "the main loss is that of kDense";
  Loss(/*indexer=*/false).backward();
  Random random(5);
  for (auto& item : model_->named_parameters())
    if (!IsIndexer(item.key())) CheckParameter(item.key(), *item, false, random);
  ExpectTelling();
}

TEST_P(Gradient, OfTheIndexerLossAgreesWithFiniteDifferences) {
  if (GetParam() == Attention::kDense) GTEST_SKIP() << "no indexer";
  Loss(/*indexer=*/true).backward();
  Random random(6);
  for (auto& item : model_->named_parameters())
    if (IsIndexer(item.key())) CheckParameter(item.key(), *item, true, random);
  ExpectTelling();
}

TEST_P(Gradient, OfEachLossReachesItsOwnParametersOnly) {
  Loss(/*indexer=*/false).backward();
  for (const auto& item : model_->named_parameters()) {
    const bool reached = item->grad().defined() && item->grad().abs().sum().item<double>() > 0;
    EXPECT_EQ(reached, !IsIndexer(item.key())) << item.key();
  }
  model_->zero_grad();
  for (Tensor& parameter : model_->parameters()) parameter.mutable_grad() = Tensor();
  const Tensor loss = Loss(/*indexer=*/true);
  if (GetParam() == Attention::kDense) {
    EXPECT_EQ(loss.item<double>(), 0);
    return;
  }
  loss.backward();
  for (const auto& item : model_->named_parameters()) {
    const bool reached = item->grad().defined() && item->grad().abs().sum().item<double>() > 0;
    EXPECT_EQ(reached, IsIndexer(item.key())) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, Gradient,
                         ::testing::Values(Attention::kDense, Attention::kWarmup,
                                           Attention::kSparse));

}  // namespace
}  // namespace hadal::train
