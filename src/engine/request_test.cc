#include "engine/request.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

arch::Config SmallConfig() {
  arch::Config config;
  config.vocab_size = 100;
  config.max_position_embeddings = 1000;
  return config;
}

std::string ErrorOf(const Request& request) {
  const Status status = CheckRequest(request, SmallConfig());
  return status.ok() ? "" : status.error().what;
}

TEST(Request, IsChecked) {
  EXPECT_EQ(ErrorOf({.tokens = {1, 2}}), "");
  EXPECT_EQ(ErrorOf({.tokens = {}}), "the prompt is empty");
  EXPECT_EQ(ErrorOf({.tokens = {1, 100}}),
            "prompt token: found 100, but the model's vocabulary has 100");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .stop = {.token_ids = {-1}}}),
            "stop id: found -1, but the model's vocabulary has 100");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .sample = {.logit_bias = {{200, 1}}}}),
            "logit bias: found 200, but the model's vocabulary has 100");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .sample = {.top_p = 3}}), "top-p 3 is not in (0, 1]");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .generated = 1}),
            "generated: found 1 of 1 tokens, expected fewer");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .stop = {.max_tokens = 3, .min_tokens = 4}}),
            "min tokens 4 are more than max tokens 3");
  EXPECT_EQ(ErrorOf({.tokens = {1, 2}, .stop = {.max_tokens = 999}}),
            "2 prompt tokens and 999 to generate are more than the model's context of 1000");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .turn_ends = {3, 9, 9, 7}}),
            "turn ends: found 7 behind 9, expected them ascending");
  EXPECT_EQ(ErrorOf({.tokens = {1}, .logprobs = 5000}),
            "logprobs: found 5000 alternatives, expected at most 1024");
}

TEST(Request, ItsDefaultLimitIsWhatThereIsRoomFor) {
  Request request{.tokens = std::vector<std::int32_t>(700)};
  EXPECT_EQ(TokenLimit(request, SmallConfig()), 256u);
  request.tokens.resize(900);
  EXPECT_EQ(TokenLimit(request, SmallConfig()), 100u);
  request.generated = 50;  // of the 900
  EXPECT_EQ(TokenLimit(request, SmallConfig()), 150u);
  request.tokens.resize(1001);
  request.generated = 0;
  EXPECT_EQ(TokenLimit(request, SmallConfig()), 0u);
  request.stop.max_tokens = 7;
  EXPECT_EQ(TokenLimit(request, SmallConfig()), 7u);
}

}  // namespace
}  // namespace hadal::engine
