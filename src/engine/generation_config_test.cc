#include "engine/generation_config.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

using Ids = std::vector<std::int32_t>;

GenerationConfig Read(std::string_view text) { return ParseGenerationConfig(text, 100).value(); }
std::string ErrorOf(std::string_view text) {
  const auto config = ParseGenerationConfig(text, 100);
  return config.ok() ? "" : config.error().what;
}

TEST(GenerationConfig, ReadsHowToSample) {
  const GenerationConfig c = Read(R"({"do_sample": true, "temperature": 0.6, "top_p": 0.95,
    "top_k": 20, "min_p": 0.05, "repetition_penalty": 1.05, "transformers_version": "5.0"})");
  EXPECT_EQ(c.sample.temperature, 0.6);
  EXPECT_EQ(c.sample.top_p, 0.95);
  EXPECT_EQ(c.sample.top_k, 20u);
  EXPECT_EQ(c.sample.min_p, 0.05);
  EXPECT_EQ(c.sample.repetition_penalty, 1.05);
  EXPECT_TRUE(c.passed_over.empty());
  EXPECT_EQ(Read("{}").sample.temperature, 1);
  EXPECT_EQ(Read(R"({"top_k": -1, "min_p": null})").sample.top_k, 0u);
}

TEST(GenerationConfig, WithoutSamplingIsGreedy) {
  EXPECT_EQ(Read(R"({"do_sample": false})").sample.temperature, 0);
  EXPECT_EQ(Read(R"({"do_sample": false, "temperature": 0.7})").sample.temperature, 0);
}

TEST(GenerationConfig, ReadsOneEndOrSeveral) {
  EXPECT_EQ(Read(R"({"eos_token_id": 7})").eos_ids, (Ids{7}));
  EXPECT_EQ(Read(R"({"eos_token_id": [1, 99]})").eos_ids, (Ids{1, 99}));
  EXPECT_EQ(Read(R"({"eos_token_id": null})").eos_ids, Ids{});
  EXPECT_EQ(ErrorOf(R"({"eos_token_id": [1, 100]})"),
            "eos_token_id: found [1,100], expected an integer of 0 to 99, or a list of such");
}

TEST(GenerationConfig, NamesWhatItPassesOver) {
  const GenerationConfig c = Read(
      R"({"num_beams": 4, "typical_p": null, "renormalize_logits": false,
          "suppress_tokens": [1], "max_length": 4096, "max_new_tokens": null})");
  EXPECT_EQ(c.passed_over,
            (std::vector<std::string>{"num_beams 4", "suppress_tokens", "max_length 4096"}));
}

TEST(GenerationConfig, TheLibrarysDefaultsChangeNothing) {
  const GenerationConfig c = Read(
      R"({"num_beams": 1, "typical_p": 1.0, "max_length": 20, "length_penalty": 1,
          "no_repeat_ngram_size": 0, "suppress_tokens": [], "num_return_sequences": 1})");
  EXPECT_EQ(c.passed_over, std::vector<std::string>());
  EXPECT_EQ(Read(R"({"max_length": 21})").passed_over, (std::vector<std::string>{"max_length 21"}));
}

TEST(GenerationConfig, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ErrorOf(R"({"temperature": "hot"})"), R"(temperature: found "hot", expected a number)");
  EXPECT_EQ(ErrorOf(R"({"do_sample": 1})"), "do_sample: found 1, expected true or false");
  EXPECT_EQ(ErrorOf(R"({"top_k": 1.5})"), "top_k: found 1.5, expected a whole number");
  EXPECT_EQ(ErrorOf(R"({"top_p": 2})"), "top-p 2 is not in (0, 1]");
  EXPECT_EQ(ErrorOf("[]"), "found array, expected an object");
}

}  // namespace
}  // namespace hadal::engine
