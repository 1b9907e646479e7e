// The whole model by every path: the same numbers and gradients as by the kernels.
#include <gtest/gtest.h>

#include "train/paths_test.h"
#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

Batch To(const Batch& batch, torch::Device device) {
  return {batch.ids.to(device), batch.documents.to(device), batch.targets.to(device),
          batch.mtp_targets.to(device)};
}

struct Computed {
  std::vector<std::pair<std::string, Tensor>> values;  // on the CPU
  Tensor load;
};

// Losses and the gradients of their sum, in float64: no value that is rounded to a stored format
// lies so near a tie that the paths would go different ways.
Computed Compute(const arch::Config& config, Residual residual, const ForwardOptions& options,
                 Path path) {
  const OnPath on(path);
  V4Model model = TinyModel(config, torch::kDouble, 7, residual);
  model->to(DeviceOf(path));
  Batch batch = TinyBatch(config, {{140}, {9, 128, 3}});
  batch.targets = batch.ids.roll(-1, 1);
  batch.mtp_targets = batch.ids.roll(-2, 1);
  const Output out = model->Forward(To(batch, DeviceOf(path)), options);
  (out.ce + 0.5 * out.mtp_ce + 100 * out.balance_loss + 100 * out.indexer_loss).backward();
  Computed computed{{}, out.expert_load};
  for (const auto& [name, value] : {std::pair{"ce", out.ce},
                                    {"mtp_ce", out.mtp_ce},
                                    {"balance", out.balance_loss},
                                    {"indexer", out.indexer_loss}})
    computed.values.emplace_back(name, value.detach().cpu());
  for (const auto& item : model->named_parameters())
    if (item->grad().defined()) computed.values.emplace_back(item.key(), item->grad().cpu());
  return computed;
}

void ExpectClose(const Computed& got, const Computed& want) {
  EXPECT_TRUE(torch::equal(got.load, want.load));
  ASSERT_EQ(got.values.size(), want.values.size());
  for (std::size_t i = 0; i < want.values.size(); ++i) {
    ASSERT_EQ(got.values[i].first, want.values[i].first);
    const Tensor &a = got.values[i].second, &b = want.values[i].second;
    EXPECT_LE((a - b).norm().item<double>(), 1e-9 * b.norm().item<double>() + 1e-14)
        << want.values[i].first;
  }
}

class V4ModelPaths : public EveryPath {};

TEST_P(V4ModelPaths, GradientsOfEveryStage) {
  for (const Attention attention : {Attention::kDense, Attention::kWarmup, Attention::kSparse})
    for (const bool all : {false, true}) {
      const ForwardOptions options{.attention = attention, .indexer_sees_all = all};
      const auto compute = [&](Path path) {
        return Compute(TinyConfig(), Residual::kManifold, options, path);
      };
      ExpectClose(compute(GetParam()), compute(Path::kKernels));
    }
}

TEST_P(V4ModelPaths, GradientsOfEveryResidual) {
  for (const Residual residual : {Residual::kUnconstrained, Residual::kPlain}) {
    arch::Config config = TinyConfig();
    config.hc_mult = residual == Residual::kPlain ? 1 : 6;
    const auto compute = [&](Path path) { return Compute(config, residual, {}, path); };
    ExpectClose(compute(GetParam()), compute(Path::kKernels));
  }
}

TEST_P(V4ModelPaths, GradientsWithEverythingRounded) {
  const ForwardOptions options{
      .attention = Attention::kSparse,
      .quantize = {.experts = true, .linears = true, .kv = true, .indexer = true}};
  const auto compute = [&](Path path) {
    return Compute(TinyConfig(), Residual::kManifold, options, path);
  };
  ExpectClose(compute(GetParam()), compute(Path::kKernels));
}

INSTANTIATE_TEST_SUITE_P(Paths, V4ModelPaths, kOtherPaths, PathName);

}  // namespace
}  // namespace hadal::train
