// What the embedded model is good for: its vocabulary holds conversations.
#include <gtest/gtest.h>

#include "chat/encode.h"
#include "chat/prompt_tokens.h"
#include "engine/model_files.h"
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
