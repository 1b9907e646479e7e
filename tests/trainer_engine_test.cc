// The trainer and the engine are two programs of one model: what the trainer computes with quantised
// weights, cache and indexer, the engine computes from the exported files.
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "cache/sequence.h"
#include "model/forward.h"
#include "testing/temp_folder.h"
#include "train/tiny_model_test.h"

namespace hadal {
namespace {

constexpr std::size_t kTokens = 300;

// Wide enough for the published formats' blocks.
arch::Config SmallConfig() {
  arch::Config c = train::TinyConfig();
  c.vocab_size = 64;
  c.hidden_size = 128;
  c.num_attention_heads = 2;
  c.head_dim = 128;
  c.qk_rope_head_dim = 64;
  c.q_lora_rank = 128;
  c.o_lora_rank = 64;
  c.sliding_window = 16;
  c.index_head_dim = 64;
  c.index_topk = 8;
  c.moe_intermediate_size = 128;
  c.n_routed_experts = 4;
  c.swiglu_limit = 10;
  c.max_position_embeddings = 4096;
  c.rope_scaling.original_max_position_embeddings = 65536;
  return c;
}

std::vector<std::int32_t> RandomTokens(const arch::Config& config) {
  Random random(5);
  std::vector<std::int32_t> tokens(kTokens);
  for (std::int32_t& token : tokens)
    token = static_cast<std::int32_t>(random.Below(config.vocab_size));
  return tokens;
}

// Mean cross-entropy of the next token, nats.
double TrainerLoss(train::V4Model& model, const std::vector<std::int32_t>& tokens,
                   const train::ForwardOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(tokens.size());
  const torch::Tensor ids =
      torch::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.end())).view({1, count});
  const train::Output out = model->Forward({ids, torch::zeros_like(ids)}, options);
  const torch::Tensor logits = out.logits[0].slice(0, 0, count - 1).to(torch::kDouble);
  return torch::nn::functional::cross_entropy(logits, ids[0].slice(0, 1)).item<double>();
}

double EngineLoss(const model::Model& model, const std::vector<std::int32_t>& tokens) {
  Threads threads(2);
  model::Forward forward =
      model::Forward::Create(model, arch::Numerics::Stored(), threads, tokens.size()).value();
  cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
  EXPECT_TRUE(sequence.Reserve(tokens.size()).ok());
  const model::Chunk chunk{&sequence.state(), tokens};
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  std::vector<float> logits(model.config.vocab_size);
  double loss = 0;
  for (std::size_t t = 0; t + 1 < tokens.size(); ++t) {
    forward.Logits(t, logits);
    double sum = 0;
    for (const float v : logits) sum += std::exp(double{v});
    loss += std::log(sum) - logits[static_cast<std::size_t>(tokens[t + 1])];
  }
  return loss / static_cast<double>(tokens.size() - 1);
}

TEST(TrainerAndEngine, TheExportLosesNothing) {
  at::set_num_threads(1);
  const testing::TempFolder folder;
  train::V4Model trained(SmallConfig(), 3, 0.1);
  const std::vector<std::int32_t> tokens = RandomTokens(SmallConfig());
  const Status saved = trained->Save(folder.path(), train::V4ModelImpl::Format::kFp8Fp4);
  ASSERT_TRUE(saved.ok()) << saved.error().what;
  auto checkpoint = io::Checkpoint::Open(folder.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  const auto exported = model::Model::Load(std::move(*checkpoint));
  ASSERT_TRUE(exported.ok()) << exported.error().what;

  const train::Quantize all{.experts = true, .linears = true, .kv = true, .indexer = true};
  const double trainer =
      TrainerLoss(trained, tokens, {.attention = train::Attention::kSparse, .quantize = all});
  const double engine = EngineLoss(*exported, tokens);
  EXPECT_NEAR(engine / trainer, 1, 0.005) << "trainer " << trainer << ", engine " << engine;
  // A loss on random tokens moves little; that it moves at all shows the comparison can tell.
  const double dense = TrainerLoss(trained, tokens, {.attention = train::Attention::kDense});
  EXPECT_GT(std::fabs(dense - trainer), 3 * std::fabs(engine - trainer))
      << "dense and unquantised " << dense << ", trainer " << trainer << ", engine " << engine;
}

}  // namespace
}  // namespace hadal
