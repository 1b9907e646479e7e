// What the embedded model is good for: its vocabulary holds conversations.
#include <gtest/gtest.h>

#include <cmath>

#include "cache/sequence.h"
#include "chat/encode.h"
#include "chat/prompt_tokens.h"
#include "engine/model_files.h"
#include "model/forward.h"
#include "testing/shared_file.h"
#include "testing/source_file.h"

namespace hadal {
namespace {

engine::ModelFiles Embedded() { return engine::OpenModel(testing::EmbeddedFolder()).value(); }

TEST(EmbeddedModel, HasEveryControlTokenOfTheChatFormat) {
  const engine::ModelFiles files = Embedded();
  EXPECT_EQ(files.tokenizer.vocab_size(), files.model.config.vocab_size);
  for (const std::string& token : chat::ControlTokens(chat::kDeepSeekV4))
    EXPECT_TRUE(files.tokenizer.AddedToken(token).has_value()) << token;
}

TEST(EmbeddedModel, TokenizesEveryConversation) {
  const auto text = testing::SharedFile("encoding/encode_cases.json");
  if (!text) GTEST_SKIP() << "no shared/encoding beside the sources";
  const engine::ModelFiles files = Embedded();
  const Json cases = ParseJson(*text).value();
  for (const Json& c : *cases.AsArray()) {
    const auto messages = chat::ParseMessages(*c.Find("messages")).value();
    const auto options = chat::ParseEncodeOptions(*c.Find("options")).value();
    const auto tokens =
        chat::PromptTokens(files.tokenizer, chat::Encode(chat::kDeepSeekV4, messages, options));
    ASSERT_TRUE(tokens.ok()) << tokens.error().what;
    EXPECT_EQ(files.tokenizer.Decode(*tokens), *c.Find("prompt")->AsString());
  }
}

// A token that the model has never seen does not show up in what it writes.
TEST(EmbeddedModel, NeverWritesATokenItDoesNotKnow) {
  const engine::ModelFiles files = Embedded();
  const text::TokenId dsml = files.tokenizer.AddedToken(chat::kDeepSeekV4.dsml).value();
  Threads threads(1);
  auto forward = model::Forward::Create(files.model, arch::Numerics::Stored(), threads, 64).value();
  auto sequence = cache::Sequence::Create(forward.layout()).value();
  const auto tokens = files.tokenizer.Encode("Once upon a time there was a king who had a son.");
  ASSERT_TRUE(sequence.Reserve(tokens.size()).ok());
  ASSERT_TRUE(forward.Run({{{&sequence.state(), tokens}}}).ok());
  std::vector<float> logits(files.model.config.vocab_size);
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    forward.Logits(row, logits);
    double others = 0;
    for (const float logit : logits) others += std::exp(logit);
    EXPECT_LT(std::exp(logits[static_cast<std::size_t>(dsml)]) / others, 1e-5) << row;
  }
}

TEST(PromptTokens, NamesATokenThatIsMissing) {
  const engine::ModelFiles files = Embedded();
  chat::Prompt prompt;
  prompt.Text("<\uFF5CUser\uFF5C>");  // a user's own words, however they look
  EXPECT_GT(chat::PromptTokens(files.tokenizer, prompt).value().size(), 1u);
  prompt.Control("<\uFF5Cnobody\uFF5C>");
  EXPECT_EQ(chat::PromptTokens(files.tokenizer, prompt).error().what,
            "the tokenizer has no token '<\uFF5Cnobody\uFF5C>', which this conversation's format "
            "needs");
}

}  // namespace
}  // namespace hadal
