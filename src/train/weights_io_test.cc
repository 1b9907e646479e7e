#include <gtest/gtest.h>

#include "testing/temp_folder.h"
#include "train/tiny_model_test.h"

namespace hadal::train {
namespace {

using torch::Tensor;

void Load(V4Model& model, const std::string& folder) {
  auto checkpoint = io::Checkpoint::Open(folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().what;
  const Status status = model->Load(*checkpoint);
  ASSERT_TRUE(status.ok()) << status.error().what;
}

void ExpectSameTensors(V4Model& a, V4Model& b) {
  const auto parameters = b->named_parameters(), buffers = b->named_buffers();
  for (const auto& item : a->named_parameters())
    EXPECT_TRUE(torch::equal(*item, parameters[item.key()])) << item.key();
  for (const auto& item : a->named_buffers())
    EXPECT_TRUE(torch::equal(*item, buffers[item.key()])) << item.key();
}

TEST(WeightsIo, Float32RoundTripKeepsEveryBit) {
  const testing::TempFolder folder;
  V4Model saved = TinyModel(TinyConfig(), torch::kFloat, 7);
  V4Model loaded = TinyModel(TinyConfig(), torch::kFloat, 8);
  ASSERT_TRUE(saved->Save(folder.path(), V4ModelImpl::Format::kF32).ok());
  Load(loaded, folder.path());
  ExpectSameTensors(saved, loaded);
}

TEST(WeightsIo, PublishedFormatHoldsWhatQuantisedTrainingComputesWith) {
  const torch::NoGradGuard no_grad;
  const testing::TempFolder folder, again;
  V4Model saved = TinyModel(TinyConfig(), torch::kFloat, 7);
  V4Model loaded = TinyModel(TinyConfig(), torch::kFloat, 8);
  const Status status = saved->Save(folder.path(), V4ModelImpl::Format::kFp8Fp4);
  ASSERT_TRUE(status.ok()) << status.error().what;
  Load(loaded, folder.path());
  const Batch batch = TinyBatch(TinyConfig(), {{140}});
  const ForwardOptions quantised{.attention = Attention::kSparse,
                                 .quantize = {.experts = true, .linears = true}};
  const Output want = saved->Forward(batch, quantised);
  const Output got = loaded->Forward(batch, {.attention = Attention::kSparse});
  EXPECT_TRUE(torch::equal(want.logits, got.logits));
  EXPECT_TRUE(torch::equal(want.mtp_logits, got.mtp_logits));
  const Output plain = saved->Forward(batch, {.attention = Attention::kSparse});
  EXPECT_FALSE(torch::equal(plain.logits, got.logits));  // the formats do round

  ASSERT_TRUE(loaded->Save(again.path(), V4ModelImpl::Format::kFp8Fp4).ok());
  V4Model twice = TinyModel(TinyConfig(), torch::kFloat, 9);
  Load(twice, again.path());
  ExpectSameTensors(loaded, twice);
}

TEST(WeightsIo, AnotherShapeIsRefusedAndChangesNothing) {
  const testing::TempFolder folder;
  V4Model saved = TinyModel(TinyConfig(), torch::kFloat, 7);
  ASSERT_TRUE(saved->Save(folder.path(), V4ModelImpl::Format::kF32).ok());
  auto checkpoint = io::Checkpoint::Open(folder.path());
  ASSERT_TRUE(checkpoint.ok());
  const auto refused = [&](const arch::Config& config, const std::string& word) {
    V4Model model = TinyModel(config, torch::kFloat, 8),
            before = TinyModel(config, torch::kFloat, 8);
    const Status status = model->Load(*checkpoint);
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.error().what.find(word), std::string::npos) << status.error().what;
    ExpectSameTensors(model, before);
  };
  arch::Config wider = TinyConfig();
  wider.q_lora_rank = 64;
  refused(wider, "layers.0.attn");
  arch::Config fewer = TinyConfig();
  fewer.n_routed_experts = 4;
  refused(fewer, "gate");
  arch::Config deeper = TinyConfig();
  deeper.num_hidden_layers = 5;
  deeper.compress_ratios = {0, 4, 128, 4, 0, 0};
  refused(deeper, "layers.4.");
}

// A drafter that a model does not have is passed over, as the engine does.
TEST(WeightsIo, AnMtpBlockMoreIsPassedOver) {
  const testing::TempFolder folder;
  V4Model saved = TinyModel(TinyConfig(), torch::kFloat, 7);
  ASSERT_TRUE(saved->Save(folder.path(), V4ModelImpl::Format::kF32).ok());
  arch::Config without = TinyConfig();
  without.num_nextn_predict_layers = 0;
  without.compress_ratios.pop_back();
  V4Model model = TinyModel(without, torch::kFloat, 8);
  const Status status = model->Load(io::Checkpoint::Open(folder.path()).value());
  EXPECT_TRUE(status.ok()) << status.error().what;
}

}  // namespace
}  // namespace hadal::train
