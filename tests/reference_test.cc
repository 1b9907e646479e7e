// The reference against the official code's golden data, and against itself with mistakes in it:
// what the f32 comparison must tell.
#include "reference/reference_model.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "eval/golden_case.h"
#include "eval/golden_stats.h"
#include "io/checkpoint.h"
#include "mutations.h"
#include "small_cases.h"
#include "testing/shared_file.h"
#include "testing/temp_folder.h"

namespace hadal::reference {
namespace {

using eval::GoldenCase;
using eval::GoldenVariant;
using eval::RowErrors;
using eval::Spread;
using eval::SpreadOf;

// What separates a mistake from rounding in the f32 variant.
constexpr double kNoticed = 1e-4;

std::vector<float> Flat(const Rows& rows, const std::vector<std::size_t>& positions) {
  std::vector<float> out;
  for (std::size_t p : positions)
    for (double v : rows[p]) out.push_back(static_cast<float>(v));
  return out;
}

std::vector<std::size_t> Range(std::size_t begin, std::size_t count) {
  std::vector<std::size_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = begin + i;
  return out;
}

Spread Compare(const Rows& got, const std::vector<std::size_t>& positions,
               const std::vector<float>& want, std::size_t width) {
  return SpreadOf(RowErrors(Flat(got, positions), want, width));
}

struct SharedCase {
  Model model;
  GoldenCase golden;
  std::vector<std::int32_t> tokens;
};

std::optional<SharedCase> OpenShared(const std::string& name) {
  const auto shared = testing::SharedFolder("golden");
  if (!shared || !eval::IsGoldenCase(*shared + "/" + name)) return std::nullopt;
  const std::string directory = *shared + "/" + name;
  const auto checkpoint = io::Checkpoint::Open(directory);
  EXPECT_TRUE(checkpoint.ok());
  const auto config = arch::ParseConfig(checkpoint->config());
  EXPECT_TRUE(config.ok());
  auto golden = eval::ReadGoldenCase(directory, *config);
  auto model = LoadModel(directory);
  EXPECT_TRUE(golden.ok() && model.ok());
  SharedCase out{std::move(*model), std::move(*golden), {}};
  out.tokens = out.golden.prompt;
  out.tokens.insert(out.tokens.end(), out.golden.next.begin(), out.golden.next.end());
  return out;
}

void ExpectSameExperts(const SharedCase& c, const GoldenVariant& want, const Outputs& out) {
  const std::size_t k = c.model.config.topk, prompt = c.golden.prompt.size();
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    for (std::size_t p = 0; p < prompt; ++p) {
      auto got = out.layers[l].routes[p].experts;
      const auto row =
          want.gate_ids.values.begin() + static_cast<std::ptrdiff_t>((l * prompt + p) * k);
      std::vector<std::size_t> expected(row, row + static_cast<std::ptrdiff_t>(k));
      std::sort(got.begin(), got.end());
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(got, expected) << "layer " << l << " position " << p;
    }
}

void ExpectSameEntries(const SharedCase& c, const GoldenVariant& want, const Outputs& out) {
  const std::size_t k = c.model.config.index_topk, prompt = c.golden.prompt.size();
  std::size_t csa = 0;
  for (const LayerTrace& layer : out.layers) {
    if (layer.selections.empty()) continue;
    for (std::size_t p = 0; p < prompt; ++p) {
      std::vector<std::size_t> got = layer.selections[p].entries, expected;
      for (std::size_t i = 0; i < k; ++i)
        if (const auto id = want.indexer_topk.values[(csa * prompt + p) * k + i]; id >= 0)
          expected.push_back(static_cast<std::size_t>(id));
      std::sort(got.begin(), got.end());
      std::sort(expected.begin(), expected.end());
      ASSERT_EQ(got, expected) << "CSA layer " << csa << " position " << p;
    }
    ++csa;
  }
}

// The margins too are those of the case: the measure that random cases are drawn by.
void ExpectSameMargins(const SharedCase& c, const GoldenVariant& want, const Outputs& out) {
  const std::size_t prompt = c.golden.prompt.size(), first = c.model.config.hash_layers;
  for (std::size_t l = first; l < out.layers.size(); ++l)
    for (std::size_t p = 0; p < prompt; ++p) {
      const double expected = want.gate_margin.values[(l - first) * prompt + p];
      ASSERT_NEAR(out.layers[l].routes[p].margin, expected, 1e-4 + 1e-3 * expected);
    }
}

class GoldenF32 : public ::testing::TestWithParam<const char*> {};

TEST_P(GoldenF32, IsTheOfficialCodesResult) {
  const auto c = OpenShared(GetParam());
  if (!c) GTEST_SKIP() << "no shared golden data";
  const GoldenVariant& want = c->golden.variants.at("f32");
  const std::size_t prompt = c->golden.prompt.size(), steps = c->golden.next.size();
  const std::size_t vocab = c->model.config.vocab;
  const Outputs out = c->model.Run(c->tokens, Rounding::F32(), true);
  const auto within = [](const char* what, const Spread& error) {
    EXPECT_LE(error.median, 2e-5) << what;
    EXPECT_LE(error.p95, 3e-5) << what;
    EXPECT_LE(error.max, 1e-4) << what;
  };
  within("prefill",
         Compare(out.logits, c->golden.prefill_positions, want.prefill_logits.values, vocab));
  within("decode", Compare(out.logits, Range(prompt, steps), want.decode_logits.values, vocab));
  const std::size_t tail = want.mtp_prefill_logits_tail.shape[0];
  within("MTP prefill", Compare(out.mtp_logits, Range(prompt - 1 - tail, tail),
                                want.mtp_prefill_logits_tail.values, vocab));
  within("MTP decode",
         Compare(out.mtp_logits, Range(prompt - 1, steps), want.mtp_decode_logits.values, vocab));
  ExpectSameExperts(*c, want, out);
  ExpectSameEntries(*c, want, out);
  ExpectSameMargins(*c, want, out);
}

INSTANTIATE_TEST_SUITE_P(Shared, GoldenF32,
                         ::testing::Values("tiny-f32", "tiny-bf16", "tiny-fp8-fp4", "tiny-long"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Layer by layer, from the official streams: the roundings are where the official code has them.
TEST(GoldenLayers, RoundWhereTheOfficialCodeDoes) {
  const struct {
    const char *name, *variant;
    Spread limit;
  } cases[] = {{"tiny-bf16", "bf16", {1e-3, 5e-3, 2e-2}},
               {"tiny-fp8-fp4", "f32q", {1e-6, 1e-3, 5e-2}}};
  for (const auto& test : cases) {
    const auto c = OpenShared(test.name);
    if (!c) GTEST_SKIP() << "no shared golden data";
    const auto& io = c->golden.variants.at(test.variant).layer_io;
    const std::vector<std::int32_t>& tokens = c->golden.layer_io_tokens;
    const std::size_t width = 4 * c->model.config.dim, count = tokens.size();
    const Rounding round =
        std::string(test.variant) == "bf16" ? Rounding::Bf16() : Rounding::F32q();
    for (std::size_t l = 0; l < c->model.config.layers; ++l) {
      Rows streams;
      for (std::size_t t = 0; t < count; ++t) {
        const auto row = io.values.begin() + static_cast<std::ptrdiff_t>((l * count + t) * width);
        streams.emplace_back(row, row + static_cast<std::ptrdiff_t>(width));
      }
      c->model.RunLayer(c->model.weights.layers[l], c->model.config.ratios[l], tokens, round,
                        &streams);
      const auto want = io.values.begin() + static_cast<std::ptrdiff_t>((l + 1) * count * width);
      const Spread error =
          Compare(streams, Range(0, count),
                  {want, want + static_cast<std::ptrdiff_t>(count * width)}, width);
      EXPECT_LE(error.median, test.limit.median) << test.name << " layer " << l;
      EXPECT_LE(error.p95, test.limit.p95) << test.name << " layer " << l;
      EXPECT_LE(error.max, test.limit.max) << test.name << " layer " << l;
    }
  }
}

// Errors of a mutant's logits (MTP logits where only they are touched) against the unspoilt
// model's.
Spread MutantError(const Model& model, const tests::Mutation& mutation,
                   std::span<const std::int32_t> tokens, const Outputs& right) {
  Model mutant = model;
  mutation.apply(mutant);
  const Outputs wrong = mutant.Run(tokens, Rounding::F32(), mutation.mtp_only);
  const Rows& got = mutation.mtp_only ? wrong.mtp_logits : wrong.logits;
  const Rows& want = mutation.mtp_only ? right.mtp_logits : right.logits;
  const auto all = Range(0, got.size());
  return Compare(got, all, Flat(want, all), model.config.vocab);
}

// On a model of our own: every visible mistake is beyond the limit of the f32 comparison.
TEST(TypicalMistakes, AreNoticed) {
  testing::TempFolder folder;
  CheckpointSpec spec;
  spec.seed = 31;
  ASSERT_TRUE(WriteRandomCheckpoint(spec, folder.path()).ok());
  const auto model = LoadModel(folder.path());
  ASSERT_TRUE(model.ok()) << model.error().what;
  hadal::Random random(5);
  std::vector<std::int32_t> tokens(150);
  for (auto& token : tokens) token = static_cast<std::int32_t>(random.Below(spec.vocab));
  const Outputs right = model->Run(tokens, Rounding::F32(), true);
  for (const tests::Mutation& mutation : tests::TypicalMistakes()) {
    const Spread error = MutantError(*model, mutation, tokens, right);
    if (mutation.visible)
      EXPECT_GT(error.max, 10 * kNoticed) << mutation.name;
    else
      EXPECT_LT(error.median, kNoticed) << mutation.name;
  }
}

// On the shared model: each mistake has the size that the golden data's makers found for it.
TEST(TypicalMistakes, HaveTheirKnownSize) {
  const auto c = OpenShared("tiny-f32");
  if (!c) GTEST_SKIP() << "no shared golden data";
  const Outputs right = c->model.Run(c->tokens, Rounding::F32(), true);
  for (const tests::Mutation& mutation : tests::TypicalMistakes()) {
    const Spread error = MutantError(c->model, mutation, c->tokens, right);
    if (!mutation.visible) {
      EXPECT_LT(error.max, kNoticed) << mutation.name;
      continue;
    }
    EXPECT_GT(error.max, kNoticed) << mutation.name;
    EXPECT_NEAR(error.median / mutation.median, 1, 0.25) << mutation.name;
  }
}

}  // namespace
}  // namespace hadal::reference
