// DeepSeek-V3.2 checkpoints made and converted: what synth writes runs, and what quantize writes in
// other formats is the same model.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cache/fingerprint.h"
#include "cache/sequence.h"
#include "cache/small_shape_test.h"
#include "convert/quantize.h"
#include "convert/synth.h"
#include "io/decode.h"
#include "io/file.h"
#include "model/forward.h"
#include "reference/v32/random_checkpoint.h"
#include "testing/close.h"
#include "testing/temp_folder.h"

namespace hadal::convert {
namespace {

std::vector<float> LogitsOf(const std::string& directory) {
  const model::Model model = model::Model::Open(directory).value();
  Threads threads(2);
  const std::vector<std::int32_t> tokens = {1, 5, 99, 3, 7, 7, 42, 0, 12, 13, 14, 15, 2};
  model::Forward forward =
      model::Forward::Create(model, arch::Numerics::F32(), threads, tokens.size()).value();
  cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
  HADAL_CHECK(sequence.Reserve(tokens.size()).ok());
  const model::Chunk chunk{&sequence.state(), tokens};
  HADAL_CHECK(forward.Run({&chunk, 1}).ok());
  std::vector<float> logits(tokens.size() * model.config.vocab_size);
  forward.Logits(0, {logits.data(), tokens.size(), model.config.vocab_size});
  return logits;
}

TEST(V32Convert, SynthRunsAndFormatsMeanTheSame) {
  const testing::TempFolder folder;
  const std::string made = folder.File("made");
  Threads threads(2);
  const auto report =
      WriteRandomCheckpoint(cache::SmallV32Shape(), made, {.write = {.quiet = true}}, threads);
  ASSERT_TRUE(report.ok()) << report.error().what;
  const std::vector<float> want = LogitsOf(made);
  for (const float v : want) ASSERT_TRUE(std::isfinite(v));
  std::string from = made;
  for (const char* format : {"f32", "published", "bf16"}) {
    QuantizeOptions options{.to = *FormatFromName(format)};
    options.write.quiet = true;
    const std::string to = folder.File(format);
    const auto converted = QuantizeCheckpoint(from, to, options);
    ASSERT_TRUE(converted.ok()) << format << ": " << converted.error().what;
    // FP8 products scale their input first, which changes a sum's rounding.
    const std::vector<float> got = LogitsOf(to);
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 1e-4 * std::fabs(want[i]) + 1e-4) << format << " " << i;
    if (format == std::string("published")) {
      EXPECT_TRUE(testing::SameBits(got, want));  // the bytes of the original
    }
    from = to;
  }
}

std::string Quantized(const std::string& from, const std::string& to, const char* format) {
  QuantizeOptions options{.to = *FormatFromName(format)};
  options.write.quiet = true;
  const auto converted = QuantizeCheckpoint(from, to, options);
  HADAL_CHECK(converted.ok());
  return to;
}

// Which scales are powers of two is the model's, whatever its weights are stored as: activations
// and entries are rounded by the rule in every format, and weights that are quantised again too.
TEST(V32Convert, TheRuleOfScalesComesBack) {
  for (const ScaleRule rule : {ScaleRule::kPowerOfTwo, ScaleRule::kExact}) {
    const testing::TempFolder folder;
    const std::string made = folder.path();
    ASSERT_TRUE(reference::v32::WriteRandomCheckpoint({.seed = 31, .fp8 = rule}, made).ok());
    std::string from = made;
    for (const char* format : {"bf16", "f32", "published"}) {
      // BF16 holds the products of codes and exact scales no more.
      if (rule == ScaleRule::kExact && format == std::string("bf16")) continue;
      from = Quantized(from, folder.File(format), format);
      EXPECT_EQ(model::Model::Open(from).value().config.scale_rule, rule) << format;
    }
    const io::Checkpoint before = io::Checkpoint::Open(made).value();
    const io::Checkpoint after = io::Checkpoint::Open(from).value();
    EXPECT_EQ(after.config().Find("quantization_config")->Find("scale_fmt") != nullptr,
              rule == ScaleRule::kPowerOfTwo);
    EXPECT_EQ(after.config().Find("scale_fmt"), nullptr);
    // A block's codes may lie with the next smaller scale; what they stand for is the same.
    const double within = rule == ScaleRule::kPowerOfTwo ? 0 : 1e-6;
    std::size_t compared = 0;
    for (const std::string& name : after.Names()) {
      if (after.Find(name)->dtype != DType::kF8E4M3) continue;
      const auto decoded = [&](const io::Checkpoint& checkpoint) {
        const io::TensorView scale = *checkpoint.Find(name + "_scale_inv");
        return *io::DecodeFloats(*checkpoint.Find(name), &scale);
      };
      const std::vector<float> got = decoded(after), want = decoded(before);
      for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], want[i], within * std::fabs(want[i])) << name << " " << i;
      ++compared;
    }
    EXPECT_GT(compared, 20u);
  }
}

// Weights may be the same where the rule is not: a state of one model is none of the other's.
TEST(V32Convert, AStateIsOfOneRuleOfScales) {
  const testing::TempFolder folder;
  const std::string made = folder.File("made");
  Threads threads(1);
  ASSERT_TRUE(
      WriteRandomCheckpoint(cache::SmallV32Shape(), made, {.write = {.quiet = true}}, threads)
          .ok());
  const std::string path = Quantized(made, folder.File("f32"), "f32");
  const auto fingerprint = [&] {
    const model::Model model = model::Model::Open(path).value();
    return cache::Fingerprint(model, arch::KvLayout(model.config, arch::Numerics::Stored()));
  };
  const std::uint64_t power_of_two = fingerprint();
  Json json = *ParseJson(io::ReadFile(path + "/config.json").value());
  ASSERT_NE(json.Find("scale_fmt"), nullptr);
  json.Set("scale_fmt", Json());
  ASSERT_TRUE(io::WriteFile(path + "/config.json", json.Dump()).ok());
  EXPECT_NE(fingerprint(), power_of_two);
}

// A tensor of another shape, a scale too few: one line that names it.
TEST(V32Convert, WhatDoesNotFitIsNamed) {
  const testing::TempFolder folder;
  const std::string made = folder.File("made");
  Threads threads(1);
  ASSERT_TRUE(
      WriteRandomCheckpoint(cache::SmallV32Shape(), made, {.write = {.quiet = true}}, threads)
          .ok());
  const std::string config = io::ReadFile(made + "/config.json").value();
  const auto complain = [&](const char* key, int value) {
    Json json = *ParseJson(config);
    json.Set(key, value);
    std::ofstream(made + "/config.json") << json.Dump();
    const auto model = model::Model::Open(made);
    return model.ok() ? std::string() : model.error().what;
  };
  EXPECT_NE(complain("v_head_dim", 64).find("kv_b_proj.weight"), std::string::npos);
  std::ofstream(made + "/config.json") << config;
  EXPECT_NE(complain("num_hidden_layers", 4).find("model.layers.4."), std::string::npos);
  std::ofstream(made + "/config.json") << config;
  EXPECT_NE(complain("n_routed_experts", 32).find("mlp.gate.weight"), std::string::npos);
}

// A negative scale, or one that is no number, is named and not computed with.
TEST(V32Convert, AScaleThatIsNoScaleIsNamed) {
  const testing::TempFolder folder;
  Threads threads(1);
  for (const float scale : {-0.5f, std::nanf(""), HUGE_VALF}) {
    const std::string made = folder.File(fmt::format("made{}", scale));
    ASSERT_TRUE(
        WriteRandomCheckpoint(cache::SmallV32Shape(), made, {.write = {.quiet = true}}, threads)
            .ok());
    const std::string name = "model.layers.1.mlp.experts.5.down_proj.weight_scale_inv";
    const std::uint64_t at = io::Checkpoint::Open(made).value().Info(name)->begin;
    std::fstream(made + "/model.safetensors", std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at))
        .write(reinterpret_cast<const char*>(&scale), sizeof(scale));
    const std::string want =
        fmt::format("tensor \"{}\": element [0, 0]: found {}, expected a finite scale of 0 or more",
                    name, scale);
    const auto model = model::Model::Open(made);
    ASSERT_FALSE(model.ok()) << scale;
    EXPECT_NE(model.error().what.find(want), std::string::npos) << model.error().what;
    const auto converted = QuantizeCheckpoint(made, folder.File("out"), {.to = Format::kF32});
    ASSERT_FALSE(converted.ok()) << scale;
    EXPECT_NE(converted.error().what.find(want), std::string::npos) << converted.error().what;
  }
}

// The release's MTP block beside a config that does not ask for it; and a layer too many, which is
// no such block.
TEST(V32Convert, AnMtpBlockThatIsNotAskedForIsPassedOverWithANote) {
  const testing::TempFolder folder;
  const std::string made = folder.path();
  ASSERT_TRUE(reference::v32::WriteRandomCheckpoint({.seed = 32, .vocab = 100}, made).ok());
  const std::vector<float> want = LogitsOf(made);
  Json json = *ParseJson(io::ReadFile(made + "/config.json").value());
  json.Set("num_nextn_predict_layers", 0);
  ASSERT_TRUE(io::WriteFile(made + "/config.json", json.Dump()).ok());
  const auto model = model::Model::Open(made);
  ASSERT_TRUE(model.ok()) << model.error().what;
  ASSERT_EQ(model->notes.size(), 1u);
  EXPECT_NE(model->notes[0].find("passed over tensor \"model.layers.3."), std::string::npos)
      << model->notes[0];
  EXPECT_FALSE(model->mtp.has_value());
  EXPECT_TRUE(testing::SameBits(LogitsOf(made), want));
  std::vector<std::string> notes;
  QuantizeOptions options{.to = Format::kF32};
  options.write.quiet = true;
  options.on_note = [&](std::string_view note) { notes.emplace_back(note); };
  ASSERT_TRUE(QuantizeCheckpoint(made, folder.File("f32"), options).ok());
  EXPECT_EQ(notes, model->notes);

  json.Set("num_hidden_layers", 2);
  ASSERT_TRUE(io::WriteFile(made + "/config.json", json.Dump()).ok());
  const auto shorter = model::Model::Open(made);
  ASSERT_FALSE(shorter.ok());
  EXPECT_NE(shorter.error().what.find("found tensor \"model.layers.2."), std::string::npos)
      << shorter.error().what;
}

}  // namespace
}  // namespace hadal::convert
