// Perplexity against the same sum over the reference's logits, on a small random model.
#include "eval/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "reference/random_checkpoint.h"
#include "reference/reference_model.h"
#include "testing/temp_folder.h"
#include "text/bpe_trainer.h"

namespace hadal::eval {
namespace {

constexpr std::size_t kVocab = 270;

class PerplexityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    reference::CheckpointSpec spec;
    spec.seed = 41;
    spec.vocab = kVocab;
    spec.ratios = {0, 4};
    spec.index_topk = 64;  // everything visible: FP4 rounding of the indexer changes nothing
    ASSERT_TRUE(reference::WriteRandomCheckpoint(spec, folder_.path()).ok());
    text::BpeTrainOptions options;
    options.vocab_size = kVocab;
    options.leading_tokens = {"<bos>", "<eos>"};
    const auto json =
        text::TrainBpe({"once upon a time there was a time there was once"}, options, {});
    ASSERT_TRUE(json.ok()) << json.error().what;
    tokenizer_.emplace(*text::Tokenizer::Parse(*json));
    auto model = model::Model::Load(*io::Checkpoint::Open(folder_.path()));
    ASSERT_TRUE(model.ok()) << model.error().what;
    model_.emplace(std::move(*model));
    tokens_ = tokenizer_->Encode(kText);
  }

  Result<PerplexityResult> Measure(const PerplexityOptions& options,
                                   const PerplexityCallbacks& callbacks = {}) {
    Threads threads(2);
    return Perplexity(*model_, *tokenizer_, threads, tokens_, options, callbacks);
  }

  // -ln p of the tokens after the first of `sequence`.
  double ReferenceNats(const std::vector<std::int32_t>& sequence) {
    const auto reference = reference::LoadModel(folder_.path());
    reference::Rounding round = reference::Rounding::F32();
    round.fp8_kv = true;  // as the default numerics store entries, but for BF16 in rotary channels
    const auto out = reference->Run(sequence, round, false);
    double nats = 0;
    for (std::size_t i = 0; i + 1 < sequence.size(); ++i) {
      double sum = 0;
      for (double v : out.logits[i]) sum += std::exp(v);
      nats += std::log(sum) - out.logits[i][static_cast<std::size_t>(sequence[i + 1])];
    }
    return nats;
  }

  static constexpr const char* kText = "once there was a bird, upon a tree. Zwölf Uhr!";
  testing::TempFolder folder_;
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<model::Model> model_;
  std::vector<text::TokenId> tokens_;
};

TEST_F(PerplexityTest, IsTheReferencesSum) {
  for (const bool bos : {true, false})
    for (const std::size_t context : {std::size_t{5}, std::size_t{8}, std::size_t{4096}}) {
      const auto result = Measure({.context = context, .bos = bos});
      ASSERT_TRUE(result.ok()) << result.error().what;
      double nats = 0;
      std::size_t scored = 0, bytes = 0;
      const std::size_t piece = bos ? context - 1 : context;
      for (std::size_t at = 0; at < tokens_.size(); at += piece) {
        std::vector<std::int32_t> sequence;
        if (bos) sequence.push_back(0);
        for (std::size_t i = at; i < std::min(at + piece, tokens_.size()); ++i) {
          sequence.push_back(tokens_[i]);
          if (sequence.size() > 1) bytes += tokenizer_->TokenBytes(tokens_[i]).size();
        }
        nats += ReferenceNats(sequence);
        scored += sequence.size() - 1;
      }
      EXPECT_EQ(result->tokens, scored);
      EXPECT_EQ(result->bytes, bytes);
      EXPECT_NEAR(result->nats / nats, 1, 0.01) << "bos " << bos << " context " << context;
      EXPECT_NEAR(result->bits_per_byte(),
                  result->nats / std::log(2.0) / static_cast<double>(bytes), 1e-9);
      EXPECT_NEAR(std::log(result->perplexity()), result->nats_per_token(), 1e-9);
    }
}

TEST_F(PerplexityTest, EveryByteIsCountedOnceBehindBos) {
  const auto result = Measure({.context = 6});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->bytes, std::string(kText).size());
  EXPECT_EQ(result->tokens, tokens_.size());
}

// Within its only pass, by layers.
TEST_F(PerplexityTest, ShowsProgressAndStopsBetweenLayers) {
  std::vector<std::size_t> done;
  std::atomic<bool> stop = false;
  const auto on_progress = [&](std::size_t at, std::size_t total) {
    EXPECT_EQ(total, tokens_.size());
    done.push_back(at);
  };
  ASSERT_TRUE(Measure({}, {.on_progress = on_progress}).ok());
  ASSERT_EQ(done.size(), 4u);  // before two layers, behind them, and at the end
  EXPECT_EQ(done[0], 0u);
  EXPECT_EQ(done[1], tokens_.size() / 2);
  EXPECT_EQ(done[3], tokens_.size());
  done.clear();
  const auto stopped = Measure({.cancel = &stop}, {.on_progress = [&](std::size_t at, std::size_t) {
                                 done.push_back(at);
                                 stop = true;
                               }});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_EQ(done.size(), 1u);
}

TEST_F(PerplexityTest, NothingToPredictAndForeignTokensAreErrors) {
  tokens_.clear();
  EXPECT_FALSE(Measure({}).ok());
  tokens_ = {5};
  EXPECT_FALSE(Measure({.bos = false}).ok());
  tokens_ = {5, static_cast<text::TokenId>(kVocab)};
  const auto result = Measure({});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().what.find("270"), std::string::npos) << result.error().what;
  tokens_ = {5, 6};
  EXPECT_FALSE(Measure({.context = 1}).ok());
  const auto beyond = Measure({.context = model_->config.max_position_embeddings + 1});
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().what.find("context: found "), 0u) << beyond.error().what;
  const std::atomic<bool> stop = true;
  EXPECT_EQ(Measure({.cancel = &stop}).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace hadal::eval
