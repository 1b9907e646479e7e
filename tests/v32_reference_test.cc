// DeepSeek-V3.2: the float64 reference against the official numbers, and the engine against the
// reference on models of our own, which have odd dimensions where the official cases have even
// ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/random.h"
#include "cache/sequence.h"
#include "eval/golden_case.h"
#include "eval/golden_stats.h"
#include "io/safetensors.h"
#include "kernels/latent_entry.h"
#include "model/forward.h"
#include "reference/v32/model.h"
#include "reference/v32/random_checkpoint.h"
#include "testing/shared_file.h"
#include "testing/temp_folder.h"

namespace hadal::reference {
namespace {

using eval::Spread;
using Tokens = std::vector<std::int32_t>;

model::Model Load(const std::string& directory) {
  auto model = model::Model::Load(*io::Checkpoint::Open(directory));
  HADAL_CHECK(model.ok());
  return std::move(*model);
}

std::vector<float> Flat(const Rows& rows) {
  std::vector<float> out;
  for (const Row& row : rows)
    for (const double v : row) out.push_back(static_cast<float>(v));
  return out;
}

Spread Errors(std::span<const float> got, std::span<const float> want, std::size_t width) {
  return eval::SpreadOf(eval::RowErrors(got, want, width));
}

std::string Show(const Spread& s) { return fmt::format("{} {} {}", s.median, s.p95, s.max); }

// The official numbers.

class GoldenV32 : public ::testing::TestWithParam<const char*> {};
class GoldenV32Entries : public GoldenV32 {};

// Both variants are as sharp as float64 sums leave them; the prompt's choices are the same.
TEST_P(GoldenV32, TheReferenceIsTheOfficialModel) {
  const auto shared = testing::SharedFolder("golden-v32");
  if (!shared) GTEST_SKIP() << "no shared golden data";
  const std::string directory = *shared + "/" + GetParam();
  const auto model = v32::LoadModel(directory);
  ASSERT_TRUE(model.ok()) << model.error().what;
  const auto golden = eval::ReadGoldenCase(directory, Load(directory).config);
  ASSERT_TRUE(golden.ok()) << golden.error().what;
  Tokens tokens = golden->prompt;
  tokens.insert(tokens.end(), golden->next.begin(), golden->next.end());
  const std::size_t vocab = model->config.vocab, prompt = golden->prompt.size();
  for (const auto& [name, want] : golden->variants) {
    if (name == "bf16") continue;
    const v32::Outputs out = model->Run(tokens, name == "f32q", true);
    Rows got;
    for (const std::size_t p : golden->prefill_positions) got.push_back(out.logits[p]);
    got.insert(got.end(), out.logits.begin() + static_cast<std::ptrdiff_t>(prompt),
               out.logits.end());
    std::vector<float> all = want.prefill_logits.values;
    all.insert(all.end(), want.decode_logits.values.begin(), want.decode_logits.values.end());
    const Spread error = Errors(Flat(got), all, vocab);
    EXPECT_LT(error.max, 1e-5) << name << ": " << Show(error);
    if (want.mtp_decode_logits.empty()) continue;
    const Rows mtp(out.mtp_logits.begin() + static_cast<std::ptrdiff_t>(prompt - 1),
                   out.mtp_logits.end());
    const Spread mtp_error = Errors(Flat(mtp), want.mtp_decode_logits.values, vocab);
    EXPECT_LT(mtp_error.max, 1e-5) << name << ", MTP: " << Show(mtp_error);
  }
}

// The entries that the engine keeps are the official ones, byte for byte (scales that are no powers
// of two to one part in a million).
TEST_P(GoldenV32Entries, AreTheOfficialBytes) {
  const auto shared = testing::SharedFolder("golden-v32");
  if (!shared) GTEST_SKIP() << "no shared golden data";
  const std::string directory = *shared + "/" + GetParam();
  const auto file = io::SafetensorsFile::Open(directory + "/expected.safetensors");
  ASSERT_TRUE(file.ok());
  const model::Model model = Load(directory);
  const auto golden = *eval::ReadGoldenCase(directory, model.config);
  arch::Numerics numerics = arch::Numerics::F32q();
  numerics.packed_cache = true;
  Threads threads(2);
  model::Forward forward =
      model::Forward::Create(model, numerics, threads, golden.prompt.size()).value();
  cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
  ASSERT_TRUE(sequence.Reserve(golden.prompt.size()).ok());
  const model::Chunk chunk{&sequence.state(), golden.prompt};
  ASSERT_TRUE(forward.Run({&chunk, 1}).ok());

  const io::TensorView positions = *file->Find("entry_positions");
  const arch::KvLayout& layout = forward.layout();
  const bool exact = model.config.scale_rule == ScaleRule::kPowerOfTwo;
  const auto compare = [&](const char* name, std::size_t bytes, std::size_t codes,
                           std::size_t scales, auto offset) {
    const io::TensorView want = *file->Find(name);
    const std::size_t count = positions.data.size() / 8;
    ASSERT_EQ(want.data.size(), model.config.num_hidden_layers * count * bytes);
    for (std::size_t l = 0; l < model.config.num_hidden_layers; ++l)
      for (std::size_t i = 0; i < count; ++i) {
        std::int64_t p = 0;
        std::memcpy(&p, positions.data.data() + 8 * i, 8);
        const std::size_t at = static_cast<std::size_t>(p);
        const std::byte* got =
            sequence.state().pages[at / 128] + offset(layout.layers[l]) + at % 128 * bytes;
        const std::byte* expected = want.data.data() + (l * count + i) * bytes;
        EXPECT_EQ(std::memcmp(got, expected, codes), 0) << name << " layer " << l << " at " << p;
        EXPECT_EQ(std::memcmp(got + codes + 4 * scales, expected + codes + 4 * scales,
                              bytes - codes - 4 * scales),
                  0)
            << name << " layer " << l << " at " << p;
        for (std::size_t s = 0; s < scales; ++s) {
          float a = 0, b = 0;
          std::memcpy(&a, got + codes + 4 * s, 4);
          std::memcpy(&b, expected + codes + 4 * s, 4);
          EXPECT_NEAR(a / b, 1, exact ? 0 : 1e-6);
        }
      }
  };
  const std::size_t rank = model.config.kv_lora_rank, dim = model.config.index_head_dim;
  compare("f32q.kv_entry", layout.entry_bytes, rank, (rank + 127) / 128,
          [](const arch::LayerLayout& layer) { return layer.entry_offset; });
  compare("f32q.index_entry", layout.index_key_bytes, dim, 1,
          [](const arch::LayerLayout& layer) { return layer.index_offset; });
}

std::string NameOf(const ::testing::TestParamInfo<const char*>& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Shared, GoldenV32,
                         ::testing::Values("tiny-f32", "tiny-fp8", "tiny-fp8-f32scale",
                                           "tiny-long"),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Shared, GoldenV32Entries,
                         ::testing::Values("tiny-fp8", "tiny-fp8-f32scale", "tiny-long"), NameOf);

// Models of our own.

struct Own {
  const char* name;
  v32::CheckpointSpec spec;
};
void PrintTo(const Own& own, std::ostream* out) { *out << own.name; }

class OwnV32 : public ::testing::TestWithParam<Own> {};

// Median and 95% of positions; a single other choice in a model this small is half of a result.
TEST_P(OwnV32, TheEngineIsTheReference) {
  testing::TempFolder folder;
  const v32::CheckpointSpec& spec = GetParam().spec;
  ASSERT_TRUE(v32::WriteRandomCheckpoint(spec, folder.path()).ok());
  const auto reference = v32::LoadModel(folder.path());
  ASSERT_TRUE(reference.ok()) << reference.error().what;
  const model::Model model = Load(folder.path());
  Random random(7);
  Tokens tokens(150);
  for (auto& token : tokens) token = static_cast<std::int32_t>(random.Below(spec.vocab));
  for (const bool quantised : {false, true}) {
    const v32::Outputs want = reference->Run(tokens, quantised, true);
    Threads threads(3);
    const arch::Numerics numerics = quantised ? arch::Numerics::F32q() : arch::Numerics::F32();
    model::Forward forward =
        model::Forward::Create(model, numerics, threads, tokens.size()).value();
    cache::Sequence sequence = cache::Sequence::Create(forward.layout()).value();
    ASSERT_TRUE(sequence.Reserve(tokens.size()).ok());
    const model::Chunk chunk{&sequence.state(), tokens};
    ASSERT_TRUE(forward.Run({&chunk, 1}).ok());
    std::vector<float> logits(tokens.size() * spec.vocab);
    forward.Logits(0, {logits.data(), tokens.size(), spec.vocab});
    const Spread error = Errors(logits, Flat(want.logits), spec.vocab);
    EXPECT_LT(error.median, 1e-5) << quantised << ": " << Show(error);
    EXPECT_LT(error.p95, quantised ? 2e-1 : 1e-4) << quantised << ": " << Show(error);
    if (!spec.mtp) continue;
    ASSERT_TRUE(forward.RunMtp(sequence.state(), 0, std::span(tokens).subspan(1)).ok());
    std::vector<float> mtp((tokens.size() - 1) * spec.vocab);
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i)
      forward.MtpLogits(i, std::span(mtp).subspan(i * spec.vocab, spec.vocab));
    const Spread mtp_error = Errors(mtp, Flat(want.mtp_logits), spec.vocab);
    EXPECT_LT(mtp_error.median, 1e-5) << quantised << ", MTP: " << Show(mtp_error);
  }
}

INSTANTIATE_TEST_SUITE_P(Made, OwnV32,
                         ::testing::Values(Own{"odd_bf16",
                                               {.seed = 41,
                                                .fp8 = {},
                                                .dim = 52,
                                                .heads = 5,
                                                .rank = 37,
                                                .nope = 13,
                                                .rope = 10,
                                                .value = 11,
                                                .q_lora = 29,
                                                .index_heads = 3,
                                                .dense_inner = 31,
                                                .inner = 27,
                                                .experts = 9,
                                                .topk = 3,
                                                .groups = 3}},
                                           Own{"fp8",
                                               {.seed = 42,
                                                .shards = 2,
                                                .dim = 160,
                                                .rank = 144,
                                                .nope = 64,
                                                .rope = 32,
                                                .value = 96,
                                                .q_lora = 136,
                                                .index_dim = 128,
                                                .inner = 96,
                                                .shared = 2}},
                                           Own{"exact_scales",
                                               {.seed = 43,
                                                .fp8 = ScaleRule::kExact,
                                                .dim = 96,
                                                .rank = 128,
                                                .nope = 128,
                                                .value = 128,
                                                .yarn = false}},
                                           // Fewer tokens than top-k in most rows, then more;
                                           // no dense layer, three shared experts' width.
                                           Own{"no_dense_layer",
                                               {.seed = 45,
                                                .vocab = 256,
                                                .dim = 128,
                                                .dense_layers = 0,
                                                .heads = 4,
                                                .rank = 128,
                                                .nope = 32,
                                                .rope = 32,
                                                .value = 48,
                                                .q_lora = 96,
                                                .index_heads = 6,
                                                .index_dim = 128,
                                                .index_topk = 96,
                                                .inner = 128,
                                                .experts = 12,
                                                .topk = 5,
                                                .groups = 2,
                                                .kept_groups = 1,
                                                .shared = 3,
                                                .yarn_factor = 40,
                                                .mscale = 0.707,
                                                .rope_theta = 50000,
                                                .norm_eps = 1e-5,
                                                .routed_scaling = 1.3}},
                                           // All that is visible is chosen; entries of the
                                           // published size, one group, no scaling. Of a seed
                                           // whose MTP block rounds nothing the other way: where
                                           // all attend to all, every later position shows it.
                                           Own{"everything_chosen",
                                               {.seed = 47,
                                                .fp8 = ScaleRule::kExact,
                                                .dim = 128,
                                                .layers = 2,
                                                .rank = 512,
                                                .nope = 64,
                                                .rope = 64,
                                                .value = 64,
                                                .q_lora = 128,
                                                .index_dim = 128,
                                                .index_topk = 500,
                                                .inner = 128,
                                                .topk = 3,
                                                .groups = 1,
                                                .kept_groups = 1,
                                                .yarn = false}},
                                           Own{"every_group_kept",
                                               {.seed = 47,
                                                .fp8 = {},
                                                .layers = 4,
                                                .dense_layers = 3,
                                                .index_topk = 1,
                                                .experts = 16,
                                                .topk = 7,
                                                .groups = 4,
                                                .kept_groups = 4,
                                                .yarn_factor = 2}},
                                           Own{"all_dense_one_group",
                                               {.seed = 44,
                                                .layers = 2,
                                                .dense_layers = 2,
                                                .groups = 1,
                                                .kept_groups = 1,
                                                .mtp = false}}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace hadal::reference
