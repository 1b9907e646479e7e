// Muon, AdamW, and which parameter is whose.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "train/adamw.h"
#include "train/muon.h"
#include "train/parameter_groups.h"
#include "train/schema.h"

namespace hadal::train {
namespace {

// [n, m] with the given singular values.
torch::Tensor MatrixWith(const std::vector<float>& singular, std::int64_t n, std::int64_t m) {
  const auto k = static_cast<std::int64_t>(singular.size());
  const auto u = std::get<0>(torch::linalg_qr(torch::randn({n, k})));
  const auto v = std::get<0>(torch::linalg_qr(torch::randn({m, k})));
  return torch::matmul(u * torch::tensor(singular), v.t());
}

double Largest(const torch::Tensor& t) { return t.abs().max().item<double>(); }

TEST(NewtonSchulz, SingularValuesEndAtOneForEveryShape) {
  torch::manual_seed(1);
  for (const auto& [n, m] : {std::pair{6, 6}, {6, 20}, {20, 6}, {1, 9}}) {
    std::vector<float> singular;
    for (int i = 0; i < std::min(n, m); ++i)
      singular.push_back(std::pow(0.3f, static_cast<float>(i)));
    const torch::Tensor matrix = MatrixWith(singular, n, m);
    const torch::Tensor result = HybridNewtonSchulz(7e-5 * matrix.unsqueeze(0), {})[0];
    ASSERT_EQ(result.sizes(), matrix.sizes());
    const torch::Tensor values = torch::linalg_svdvals(result);
    EXPECT_LT(Largest(values - 1), 0.01) << n << "x" << m;
    // The directions stay: U'RV is diagonal and positive, so <R, matrix> is the sum of `singular`.
    double sum = 0;
    for (const float value : singular) sum += value;
    EXPECT_NEAR((result * matrix).sum().item<double>(), sum, 0.01 * sum);
  }
}

// The fast steps alone leave singular values anywhere from 0.7 to 1.2: what settling is for.
TEST(NewtonSchulz, WithoutSettlingSingularValuesScatter) {
  torch::manual_seed(5);
  const torch::Tensor matrix = MatrixWith({1, 0.5f, 0.2f, 0.1f, 0.03f, 0.01f}, 6, 20).unsqueeze(0);
  const auto values = [&](std::size_t count, std::size_t settling) {
    return torch::linalg_svdvals(HybridNewtonSchulz(matrix, {count, settling}));
  };
  for (const std::size_t count : {5u, 10u}) {
    EXPECT_GT(Largest(values(count, 0) - 1), 0.05) << count;
    EXPECT_LT(Largest(values(count, 0) - 1), 0.45) << count;
  }
  EXPECT_LT(Largest(values(10, 2) - 1), 0.01);
}

TEST(NewtonSchulz, ABatchIsAsEachAloneAndZeroStaysZero) {
  torch::manual_seed(2);
  torch::Tensor batch = torch::randn({4, 12, 30});
  batch[2].zero_();
  const torch::Tensor together = HybridNewtonSchulz(batch, {});
  for (std::int64_t i = 0; i < 4; ++i)
    EXPECT_LT(Largest(together[i] - HybridNewtonSchulz(batch.slice(0, i, i + 1), {})[0]), 1e-5);
  EXPECT_EQ(Largest(together[2]), 0);
}

// As published, in BF16: what is well above its resolution ends near one all the same.
TEST(NewtonSchulz, InBf16SingularValuesEndNearOne) {
  if (FastestProducts() != Products::kBf16) GTEST_SKIP() << "the processor has no BF16 products";
  torch::manual_seed(4);
  for (const auto& [n, m] : {std::pair{24, 24}, {24, 60}, {60, 24}}) {
    std::vector<float> singular;
    for (int i = 0; i < 24; ++i) singular.push_back(std::pow(0.85f, static_cast<float>(i)));
    const torch::Tensor matrix = MatrixWith(singular, n, m).unsqueeze(0);
    const torch::Tensor exact = HybridNewtonSchulz(matrix, {}),
                        rounded = HybridNewtonSchulz(matrix, {}, Products::kBf16);
    const double difference = Largest(rounded - exact);
    EXPECT_GT(difference, 1e-4) << "it does round";
    EXPECT_LT(Largest(torch::linalg_svdvals(rounded) - 1), 0.02) << n << "x" << m;
  }
}

TEST(Muon, FollowsItsFormulaForTwoSteps) {
  torch::manual_seed(3);
  Workers workers(2, 1);
  torch::Tensor w = torch::randn({8, 20}), expected = w.clone(), momentum = torch::zeros({8, 20});
  const MuonOptions options{.momentum = 0.9, .gamma = 0.18, .weight_decay = 0.5};
  Muon muon({{"w", w, 2}}, options);  // two matrices [4, 20]
  const double lr = 0.1;
  for (int step = 0; step < 2; ++step) {
    const torch::Tensor gradient = torch::randn({8, 20});
    w.mutable_grad() = gradient.clone();
    ASSERT_TRUE(muon.Step({lr}, workers).ok());
    momentum = 0.9 * momentum + gradient;
    const torch::Tensor nesterov = 0.9 * momentum + gradient;
    for (const std::int64_t at : {0, 4}) {
      const torch::Tensor o = HybridNewtonSchulz(nesterov.slice(0, at, at + 4).unsqueeze(0), {})[0];
      torch::Tensor mine = expected.slice(0, at, at + 4);
      mine.copy_(mine * (1 - lr * 0.5) - lr * o * std::sqrt(20.0) * 0.18);
      EXPECT_NEAR((o * std::sqrt(20.0) * 0.18).pow(2).mean().sqrt().item<double>(), 0.18, 1e-3);
    }
    EXPECT_LT(Largest(w - expected), 1e-5) << "step " << step;
  }
}

TEST(Muon, WithoutAGradientAParameterRests) {
  Workers workers(1, 1);
  torch::Tensor w = torch::ones({3, 5}), still = torch::ones({3, 5});
  Muon muon({{"w", w}, {"still", still}}, {});
  w.mutable_grad() = torch::eye(3, 5);
  ASSERT_TRUE(muon.Step({0.1}, workers).ok());
  EXPECT_EQ(Largest(still - 1), 0);
  EXPECT_GT(Largest(w - 1), 0.01);
  EXPECT_EQ(Largest(muon.State()[1].second), 0);
}

TEST(AdamW, FollowsItsFormulaForThreeSteps) {
  Workers workers(2, 1);
  torch::Tensor w = torch::tensor({1.0f, -2.0f, 0.5f});
  AdamW adamw({{"w", w}}, {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-20, .weight_decay = 0.1});
  const double gradients[3][3] = {{1e-3, -5, 0}, {2e-3, 1, 0}, {-1e-3, 2, 0}};
  double expected[3] = {1, -2, 0.5}, m[3] = {}, v[3] = {};
  for (int t = 1; t <= 3; ++t) {
    w.mutable_grad() = torch::empty({3});
    for (int i = 0; i < 3; ++i) {
      const double g = gradients[t - 1][i];
      w.grad()[i] = g;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      const double mean = m[i] / (1 - std::pow(0.9, t)), square = v[i] / (1 - std::pow(0.95, t));
      expected[i] = expected[i] * (1 - 0.01 * 0.1) - 0.01 * mean / (std::sqrt(square) + 1e-20);
    }
    ASSERT_TRUE(adamw.Step({0.01}, workers).ok());
    for (int i = 0; i < 3; ++i)
      EXPECT_NEAR(w[i].item<double>(), expected[i], 1e-6) << t << " " << i;
  }
  EXPECT_EQ(adamw.State().back().second.item<std::int64_t>(), 3);
}

arch::Config SmallConfig() {
  arch::Config config;
  config.vocab_size = 50;
  config.hidden_size = 16;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.head_dim = 8;
  config.q_lora_rank = 6;
  config.o_groups = 2;
  config.o_lora_rank = 5;
  config.index_n_heads = 3;
  config.index_head_dim = 4;
  config.moe_intermediate_size = 7;
  config.n_routed_experts = 4;
  config.num_experts_per_tok = 2;
  config.num_hash_layers = 1;
  config.compress_ratios = {0, 4, 128, 0};
  config.num_nextn_predict_layers = 1;
  return config;
}

TEST(GroupParameters, EveryParameterHasOneOptimizerAndTheRightMatrices) {
  const arch::Config config = SmallConfig();
  NamedTensors parameters;
  for (const ParameterSpec& spec : ParametersOf(config))
    if (spec.trained) parameters.emplace_back(spec.name, torch::zeros(spec.shape));
  const ParameterGroups alone = GroupParameters(parameters, config, /*muon=*/false);
  EXPECT_TRUE(alone.muon.empty());
  EXPECT_EQ(alone.adamw.size(), parameters.size());
  const ParameterGroups groups = GroupParameters(parameters, config);
  std::set<std::string> muon, adamw;
  std::map<std::string, std::int64_t> blocks;
  for (const MuonParameter& parameter : groups.muon) {
    muon.insert(parameter.name);
    blocks[parameter.name] = parameter.blocks;
  }
  for (const auto& [name, value] : groups.adamw) {
    adamw.insert(name);
    EXPECT_EQ(muon.count(name), 0u) << name;
  }
  EXPECT_EQ(muon.size() + adamw.size(), parameters.size());
  for (const char* name :
       {"embed.weight", "head.weight", "norm.weight", "layers.0.attn_norm.weight",
        "layers.1.attn.compressor.ape", "layers.0.attn.attn_sink", "layers.0.hc_attn_base",
        "layers.2.hc_ffn_scale", "mtp.0.hnorm.weight"})
    EXPECT_EQ(adamw.count(name), 1u) << name;
  EXPECT_EQ(blocks.at("layers.1.attn.wq_b.weight"), 4);
  EXPECT_EQ(blocks.at("layers.1.attn.indexer.wq_b.weight"), 3);
  EXPECT_EQ(blocks.at("layers.1.attn.wo_a.weight"), 2);
  EXPECT_EQ(blocks.at("layers.2.ffn.experts.w2"), 4);
  EXPECT_EQ(blocks.at("layers.2.attn.compressor.wkv.weight"), 1);
  EXPECT_EQ(blocks.at("layers.0.hc_attn_fn"), 1);
  EXPECT_EQ(blocks.at("mtp.0.e_proj.weight"), 1);
}

TEST(ClipFactor, ShortensOnlyWhatIsTooLong) {
  EXPECT_EQ(ClipFactor(5, 10), 1);
  EXPECT_EQ(ClipFactor(5, 5), 1);
  EXPECT_EQ(ClipFactor(5, 1), 0.2);
}

// A step by half of a gradient is one by the halved gradient.
template <class Optimizer, class Make>
void ExpectFactor(Make&& make) {
  Workers workers(1, 1);
  const torch::Tensor gradient = torch::randn({4, 3});
  torch::Tensor values[2];
  for (const bool halved : {false, true}) {
    torch::Tensor w = torch::ones({4, 3});
    w.mutable_grad() = halved ? gradient / 2 : gradient;
    Optimizer optimizer = make(w);
    for (int step = 0; step < 2; ++step)
      ASSERT_TRUE(optimizer.Step({0.1, halved ? 1 : 0.5}, workers).ok());
    EXPECT_TRUE(torch::equal(w.grad(), halved ? gradient / 2 : gradient));
    torch::Tensor state = optimizer.State().front().second;
    values[halved ? 1 : 0] = torch::cat({w, state});
  }
  EXPECT_TRUE(torch::equal(values[0], values[1]));
}

TEST(StepSize, TheFactorIsTheGradients) {
  torch::manual_seed(3);
  ExpectFactor<AdamW>([](const torch::Tensor& w) { return AdamW({{"w", w}}, {}); });
  ExpectFactor<Muon>([](const torch::Tensor& w) { return Muon({{"w", w}}, {}); });
}

}  // namespace
}  // namespace hadal::train
