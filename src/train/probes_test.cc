#include "train/probes.h"

#include <gtest/gtest.h>

#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

// [tokens, (2+n)*n] with the given residual mapping for every token.
Tensor MixOf(const Tensor& comb, std::int64_t tokens) {
  const std::int64_t n = comb.size(0);
  return torch::cat({torch::zeros({tokens, 2 * n}), comb.reshape({1, -1}).expand({tokens, -1})}, 1);
}

TEST(Probes, TheGainIsThatOfTheProductOfMappings) {
  const Tensor half = torch::full({2, 2}, 0.5f);
  const ResidualGain even = GainOf({MixOf(half, 3), MixOf(half, 3), MixOf(torch::eye(2), 3)}, 2);
  EXPECT_NEAR(even.forward, 1, 1e-12);
  EXPECT_NEAR(even.backward, 1, 1e-12);
  const Tensor first = torch::tensor({{1.0f, -1.0f}, {0.0f, 2.0f}}),
               then = torch::tensor({{1.0f, 3.0f}, {0.0f, 1.0f}});
  const ResidualGain gain = GainOf({MixOf(first, 1), MixOf(then, 1)}, 2);
  EXPECT_NEAR(gain.forward, 4, 1e-12) << "[[1, 2], [0, 2]], from row to column";
  EXPECT_NEAR(gain.backward, 3, 1e-12);
  EXPECT_NEAR(gain.largest, 4, 1e-12);
}

TEST(Probes, EveryResidualBeginsPlain) {
  for (const Residual residual :
       {Residual::kManifold, Residual::kUnconstrained, Residual::kPlain}) {
    arch::Config config = TinyConfig();
    if (residual == Residual::kPlain) config.hc_mult = 1;
    V4Model model(config, 7, 0.02, residual);
    Seen seen;
    ForwardOptions options;
    options.mtp = false;
    options.seen = &seen;
    model->Forward(TinyBatch(config, {{20}}), options);
    ASSERT_EQ(seen.mixes.size(), 8u) << "two a layer";
    const auto streams = static_cast<std::int64_t>(config.hc_mult);
    for (const Tensor& mix : seen.mixes) {
      const Tensor post = mix.slice(1, streams, 2 * streams);
      EXPECT_LT((post - 1).abs().max().item<double>(), residual == Residual::kPlain ? 1e-7 : 0.02);
    }
    EXPECT_NEAR(GainOf(seen.mixes, streams).largest, 1, 0.2) << static_cast<int>(residual);
  }
}

TEST(Probes, GradientsAreOfLayersAndWhatIsAroundThem) {
  Tensor a = torch::zeros({2}), b = torch::zeros({1}), rest = b.clone(), head = b.clone();
  a.mutable_grad() = torch::tensor({3.0f, 0.0f});
  b.mutable_grad() = torch::tensor({4.0f});
  head.mutable_grad() = torch::tensor({2.0f});
  const std::vector<Measure> norms = GradientNorms({{"embed.weight", rest},
                                                    {"layers.10.attn.wq_a.weight", a},
                                                    {"layers.10.ffn.experts.w1", b},
                                                    {"hc_head_fn", head},
                                                    {"mtp.0.norm.weight", rest}});
  EXPECT_EQ(ProbeLines(7, norms),
            "7,gradient_norm.embed,0\n7,gradient_norm.10,5\n7,gradient_norm.head,2\n"
            "7,gradient_norm.mtp,0\n");
}

// A layer that chooses by FP4 scores what it chooses by float ones, mostly: fewer than all, or the
// comparison would say nothing.
TEST(Probes, ChoicesByFp4ScoresAreCounted) {
  const arch::Config config = TinyConfig();
  V4Model model = TinyModel(config, torch::kFloat);
  Seen seen;
  ForwardOptions options;
  options.attention = Attention::kSparse;
  options.seen = &seen;
  model->Forward(TinyBatch(config, {{140}, {9, 128, 3}}), options);
  // Tokens with more than 3 whole blocks of 4 behind them have a choice of 3, in two layers.
  const std::int64_t with_choice = (140 - 15) + (128 - 15);
  EXPECT_EQ(seen.chosen, 2 * 3 * with_choice);
  EXPECT_LT(seen.chosen_again, seen.chosen);
  EXPECT_GT(seen.chosen_again, seen.chosen / 2);
}

}  // namespace
}  // namespace hadal::train
