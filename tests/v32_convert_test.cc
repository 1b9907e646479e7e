// DeepSeek-V3.2 checkpoints made and converted: what synth writes runs, and what quantize writes in
// other formats is the same model.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cache/sequence.h"
#include "cache/small_shape_test.h"
#include "convert/quantize.h"
#include "convert/synth.h"
#include "io/file.h"
#include "model/forward.h"
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

}  // namespace
}  // namespace hadal::convert
