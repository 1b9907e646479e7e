#include "server/tool_memory.h"

#include <gtest/gtest.h>

#include "chat/encode.h"

namespace hadal::server {
namespace {

Answer CallingAnswer(const std::string& id, std::size_t tokens = 3) {
  Answer answer{.reasoning = "why",
                .content = "",
                .calls = {{id, "f", R"({"a": 1, "b": "x"})"}},
                .finish = Finish::kToolCalls};
  answer.end.reason = engine::FinishReason::kEos;
  answer.end.tokens.assign(tokens, 7);
  return answer;
}

chat::Message Sent(const std::string& id, const std::string& arguments = R"({"a":1,"b":"x"})") {
  return {.role = chat::Role::kAssistant, .tool_calls = {{id, "f", arguments}}};
}

chat::Message Restored(ToolMemory& memory, chat::Message message, std::uint64_t scope = 1) {
  std::vector<chat::Message> messages = {std::move(message)};
  memory.Restore(scope, &messages);
  return messages[0];
}

TEST(ToolMemory, TokensAndReasoningComeBack) {
  ToolMemory memory;
  memory.Remember(1, CallingAnswer("c1"), true);
  const chat::Message message = Restored(memory, Sent("c1"));
  EXPECT_EQ(message.sampled, (std::vector<std::int32_t>{7, 7, 7}));
  EXPECT_TRUE(message.sampled_thinking);
  EXPECT_EQ(message.reasoning, "why");
}

TEST(ToolMemory, WhatIsNotTheSameIsEncodedAnew) {
  ToolMemory memory;
  memory.Remember(1, CallingAnswer("c1"), true);
  EXPECT_TRUE(Restored(memory, Sent("c2")).sampled.empty());
  EXPECT_TRUE(Restored(memory, Sent("c1"), 2).sampled.empty());  // another key's
  EXPECT_TRUE(Restored(memory, Sent("c1", R"({"a":2,"b":"x"})")).sampled.empty());
  chat::Message other = Sent("c1");
  other.content = "and";
  EXPECT_TRUE(Restored(memory, other).sampled.empty());
  other = Sent("c1");
  other.reasoning = "because";
  EXPECT_TRUE(Restored(memory, other).sampled.empty());
}

TEST(ToolMemory, AnswersThatDidNotEndAreNotKept) {
  ToolMemory memory;
  Answer cut = CallingAnswer("c1");
  cut.end.reason = engine::FinishReason::kMaxTokens;
  memory.Remember(1, cut, true);
  EXPECT_EQ(memory.bytes(), 0u);
}

TEST(ToolMemory, IsBounded) {
  ToolMemory memory(20'000);
  for (int i = 0; i < 100; ++i)
    memory.Remember(1, CallingAnswer("c" + std::to_string(i), 1000), true);
  EXPECT_LE(memory.bytes(), 20'000u);
  EXPECT_FALSE(Restored(memory, Sent("c99")).sampled.empty());
  EXPECT_TRUE(Restored(memory, Sent("c1")).sampled.empty());
}

// The prompt holds the tokens where the turn thinks as it did, and text where it does not.
TEST(ToolMemory, ThePromptHoldsTheTokens) {
  ToolMemory memory;
  memory.Remember(1, CallingAnswer("c1"), true);
  std::vector<chat::Message> messages = {{.role = chat::Role::kSystem},
                                         {.role = chat::Role::kUser, .content = "q"}};
  messages[0].tools.push_back(Json::MakeObject({{"name", "f"}}));
  messages.push_back(Sent("c1"));
  messages.push_back({.role = chat::Role::kTool, .content = "r", .tool_call_id = "c1"});
  const std::string plain = chat::Encode(chat::kDeepSeekV4, messages, {.thinking = false}).Whole();
  memory.Restore(1, &messages);
  const auto sampled = [&](bool thinking) {
    const chat::Prompt prompt = chat::Encode(chat::kDeepSeekV4, messages, {.thinking = thinking});
    std::size_t count = 0;
    for (const chat::PromptPiece& piece : prompt.pieces()) count += piece.tokens.size();
    return count;
  };
  EXPECT_EQ(sampled(true), 3u);
  EXPECT_EQ(sampled(false), 0u);
  EXPECT_EQ(chat::Encode(chat::kDeepSeekV4, messages, {.thinking = false}).Whole(), plain);
}

}  // namespace
}  // namespace hadal::server
