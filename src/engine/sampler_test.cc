#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

namespace hadal::engine {
namespace {

const double kLn2 = std::log(2.0);
const std::vector<float> kLogits = {0, std::log(2.f), std::log(4.f), std::log(1.f),
                                    -20};  // 1 2 4 1
using Ids = std::vector<std::int32_t>;

struct Case {
  SampleOptions options = {};
  std::vector<float> logits = kLogits;
  Ids prompt = {}, generated = {}, forbidden = {};
  std::optional<std::vector<std::uint64_t>> allowed = {};

  Restriction restriction() const {
    Restriction r{.forbidden = forbidden};
    if (allowed) r.allowed = *allowed;
    return r;
  }
};

std::map<std::int32_t, double> Shares(const Case& c, int draws = 20000) {
  Sampler sampler(c.options, c.prompt);
  for (const std::int32_t token : c.generated) sampler.Accept(token);
  SampleScratch scratch;
  std::map<std::int32_t, double> shares;
  for (int i = 0; i < draws; ++i)
    shares[sampler.Pick(c.logits, static_cast<std::uint64_t>(i), c.restriction(), &scratch)
               .value()] += 1.0 / draws;
  return shares;
}

Result<std::int32_t> PickOne(const Case& c) {
  SampleScratch scratch;
  return Sampler(c.options, c.prompt).Pick(c.logits, 0, c.restriction(), &scratch);
}

TEST(Sampler, TemperatureZeroIsGreedyAndPrefersTheLowerId) {
  EXPECT_EQ(PickOne({.options = {.temperature = 0}}).value(), 2);
  EXPECT_EQ(PickOne({.options = {.temperature = 0}, .logits = {1, 3, 3, 2}}).value(), 1);
}

TEST(Sampler, DrawsInProportion) {
  auto shares = Shares({});
  EXPECT_NEAR(shares[0], 1 / 8.0, 0.02);
  EXPECT_NEAR(shares[1], 2 / 8.0, 0.02);
  EXPECT_NEAR(shares[2], 4 / 8.0, 0.02);
  EXPECT_NEAR(Shares({.options = {.temperature = 0.5}})[2], 16 / 22.0, 0.02);
}

TEST(Sampler, RestrictsTheChoice) {
  EXPECT_EQ(Shares({.options = {.top_k = 2}}).size(), 2u);
  EXPECT_NEAR(Shares({.options = {.top_k = 2}})[2], 4 / 6.0, 0.02);
  EXPECT_EQ(Shares({.options = {.top_p = 0.5}}).size(), 1u);
  EXPECT_EQ(Shares({.options = {.top_p = 0.51}}).size(), 2u);
  EXPECT_EQ(Shares({.options = {.min_p = 0.3}}).size(), 2u);
  EXPECT_EQ(Shares({.options = {.min_p = 1}}).size(), 1u);
}

// Weights 1 2 4 1: a presence penalty of ln 2 halves those in the text, once; in the prompt it does
// not.
TEST(Sampler, PresencePenalty) {
  const auto shares =
      Shares({.options = {.presence_penalty = kLn2}, .prompt = {0, 1, 2}, .generated = {2, 2, 1}});
  EXPECT_NEAR(shares.at(0), 1 / 5.0, 0.02);
  EXPECT_NEAR(shares.at(1), 1 / 5.0, 0.02);
  EXPECT_NEAR(shares.at(2), 2 / 5.0, 0.02);
}

// ... a frequency penalty of ln 2 as often as they came.
TEST(Sampler, FrequencyPenalty) {
  const auto shares =
      Shares({.options = {.frequency_penalty = kLn2}, .prompt = {0}, .generated = {2, 1, 2}});
  EXPECT_NEAR(shares.at(1), 1 / 4.0, 0.02);  // 1 1 1 1
  EXPECT_NEAR(shares.at(2), 1 / 4.0, 0.02);
}

// A repetition penalty of 2 makes ln 4 to ln 2 and ln 1/2 to ln 1/4, in prompt and text alike.
TEST(Sampler, RepetitionPenalty) {
  const std::vector<float> logits = {std::log(4.f), std::log(0.5f), std::log(4.f), 0};
  const auto shares = Shares({.options = {.repetition_penalty = 2},
                              .logits = logits,
                              .prompt = {0, 0, 1},
                              .generated = {2}});
  EXPECT_NEAR(shares.at(0), 2 / 5.25, 0.02);
  EXPECT_NEAR(shares.at(1), 0.25 / 5.25, 0.01);
  EXPECT_NEAR(shares.at(2), 2 / 5.25, 0.02);
  EXPECT_NEAR(shares.at(3), 1 / 5.25, 0.02);
}

TEST(Sampler, LogitBiasComesBeforeThePenalties) {
  const auto shares = Shares({.options = {.logit_bias = {{3, 3 * kLn2}, {2, -100}}}});
  EXPECT_NEAR(shares.at(3), 8 / 11.0, 0.02);  // 1 2 0 8
  EXPECT_EQ(shares.count(2), 0u);
  // l = 0 + 2 ln 2, then halved: not 0 / 2 + 2 ln 2.
  const auto both =
      Shares({.options = {.repetition_penalty = 2, .logit_bias = {{0, 2 * kLn2}}}, .prompt = {0}});
  EXPECT_NEAR(both.at(0), 2 / 9.0, 0.02);
}

TEST(Sampler, ForbiddenTokensAreNotDrawn) {
  EXPECT_EQ(Shares({.forbidden = {2, 0}}).count(2), 0u);
  EXPECT_EQ(PickOne({.options = {.temperature = 0}, .forbidden = {2}}).value(), 1);
  EXPECT_EQ(
      PickOne({.options = {.temperature = 0, .repetition_penalty = 2, .logit_bias = {{2, 50}}},
               .prompt = {2},
               .forbidden = {2}})
          .value(),
      1);
  const auto none = PickOne({.logits = {1, 2}, .forbidden = {0, 1}});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().what, "no token may come next");
}

TEST(Sampler, DrawsBelongToSeedChoiceAndPosition) {
  const auto draws = [](std::uint64_t seed, std::uint64_t choice, bool backwards) {
    Sampler sampler({.seed = seed, .choice = choice}, {});
    SampleScratch scratch;
    Ids ids(100);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t at = backwards ? ids.size() - 1 - i : i;
      ids[at] = sampler.Pick(kLogits, at, {}, &scratch).value();
    }
    return ids;
  };
  EXPECT_EQ(draws(7, 0, false), draws(7, 0, true));
  const auto differ = [&](const Ids& a, const Ids& b) {
    int count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
    return count;
  };
  EXPECT_GT(differ(draws(7, 0, false), draws(8, 0, false)), 10);
  EXPECT_GT(differ(draws(7, 0, false), draws(7, 1, false)), 10);
}

TEST(Sampler, LogitsThatAreNoNumbersAreErrors) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()})
    for (const double temperature : {0.0, 0.7}) {
      const auto token =
          PickOne({.options = {.temperature = temperature}, .logits = {1, 2, bad, 0}});
      ASSERT_FALSE(token.ok()) << bad;
      EXPECT_EQ(token.error().code, Code::kCorrupt);
      EXPECT_EQ(token.error().what.find("the logit of token 2 is "), 0u) << token.error().what;
    }
}

TEST(SampleOptions, AreChecked) {
  EXPECT_TRUE(CheckSampleOptions({}).ok());
  EXPECT_FALSE(CheckSampleOptions({.temperature = -1}).ok());
  EXPECT_FALSE(CheckSampleOptions({.temperature = std::nan("")}).ok());
  EXPECT_FALSE(CheckSampleOptions({.top_p = 0}).ok());
  EXPECT_FALSE(CheckSampleOptions({.min_p = 1.5}).ok());
  EXPECT_FALSE(CheckSampleOptions({.presence_penalty = 2.5}).ok());
  EXPECT_FALSE(CheckSampleOptions({.frequency_penalty = -2.5}).ok());
  EXPECT_FALSE(CheckSampleOptions({.repetition_penalty = 0}).ok());
  EXPECT_FALSE(CheckSampleOptions({.logit_bias = {{5, std::nan("")}}}).ok());
  EXPECT_EQ(CheckSampleOptions({.logit_bias = {{5, 101}}}).error().what,
            "logit bias of token 5: bias 101 is not in [-100, 100]");
}

TEST(Sampler, OnlyAllowedTokensAreDrawn) {
  Case c{.allowed = std::vector<std::uint64_t>{0b01011}};
  c.options.top_k = 2;  // of those that are allowed
  c.forbidden = {1};
  const auto shares = Shares(c);
  ASSERT_EQ(shares.size(), 2u);
  EXPECT_NEAR(shares.at(0), 0.5, 0.02);
  EXPECT_NEAR(shares.at(3), 0.5, 0.02);
  // What lies behind the mask's last word is not allowed; neither does a bias get it back.
  Case wide{.logits = std::vector<float>(200, 0.f), .allowed = std::vector<std::uint64_t>{0, 1}};
  wide.options.logit_bias = {{150, 100}, {3, 100}};
  EXPECT_EQ(Shares(wide, 50).size(), 1u);
  EXPECT_EQ(PickOne(wide).value(), 64);
  wide.allowed = std::vector<std::uint64_t>{};
  EXPECT_EQ(PickOne(wide).error().what, "no token may come next");
}

}  // namespace
}  // namespace hadal::engine
