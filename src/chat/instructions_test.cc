#include "chat/instructions.h"

#include <gtest/gtest.h>

#include "chat/encode.h"

namespace hadal::chat {
namespace {

struct Said {
  Role role;
  const char* content;
};

std::vector<Message> Talk(std::initializer_list<Said> said) {
  std::vector<Message> messages;
  for (const Said& s : said) messages.push_back({.role = s.role, .content = s.content});
  return messages;
}

std::string Written(std::vector<Message> messages, const Dialect& dialect = kDeepSeekV4,
                    bool thinking = false) {
  PlaceInstructions(&messages);
  std::string text = Encode(dialect, messages, {.thinking = thinking, .bos = false}).Whole();
  for (const auto& [token, sign] : {std::pair(dialect.user, "U:"),
                                    {dialect.assistant, "A:"},
                                    {dialect.eos, "."},
                                    {dialect.think_end, "/"},
                                    {dialect.think_begin, "?"}})
    for (std::size_t at = 0; (at = text.find(token)) != text.npos;)
      text.replace(at, token.size(), sign);
  return text;
}

TEST(Instructions, AReplyFollowsThoseThatEndATurn) {
  using enum Role;
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kSystem, "s"}})), "U:q\n\nsA:/");
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kSystem, "s"}, {kSystem, "t"}})), "U:q\n\ns\n\ntA:/");
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kSystem, "s"}, {kAssistant, "a"}, {kUser, "r"}})),
            "U:q\n\nsA:/a.U:rA:/");
  EXPECT_EQ(Written(Talk({{kSystem, "s"}})), "U:sA:/");
  EXPECT_EQ(Written(Talk({{kSystem, "s"}}), kDeepSeekV4, true), "U:sA:?");
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kAssistant, "a"}, {kSystem, "s"}})), "U:qA:/a.U:sA:/");
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kSystem, "s"}}), kDeepSeekV32), "U:q\n\nsA:/");
}

// As the format writes them.
TEST(Instructions, OthersStayWhereTheyAre) {
  using enum Role;
  EXPECT_EQ(Written(Talk({{kSystem, "s"}, {kUser, "q"}})), "sU:qA:/");
  EXPECT_EQ(Written(Talk({{kSystem, "s"}, {kSystem, "t"}, {kUser, "q"}})), "stU:qA:/");
  EXPECT_EQ(Written(Talk({{kUser, "q"}, {kAssistant, "a"}, {kSystem, "s"}, {kUser, "r"}})),
            "U:qA:/a.sU:rA:/");
}

// What is said later does not change how a turn was written before.
TEST(Instructions, ATurnIsWrittenTheSameWhenTheTalkGoesOn) {
  using enum Role;
  const std::vector<Message> whole = Talk({{kSystem, "s"},
                                           {kUser, "q"},
                                           {kSystem, "t"},
                                           {kAssistant, "a"},
                                           {kSystem, "u"},
                                           {kAssistant, "b"},
                                           {kUser, "r"},
                                           {kSystem, "v"}});
  for (const std::size_t asked : {3u, 5u}) {
    const std::string before = Written({whole.begin(), whole.begin() + asked});
    EXPECT_TRUE(Written(whole).starts_with(before)) << before;
  }
}

TEST(Instructions, ToolsResultsAreAnsweredToo) {
  std::vector<Message> messages = {{.role = Role::kUser, .content = "q"},
                                   {.role = Role::kAssistant, .tool_calls = {{"1", "f", "{}"}}},
                                   {.role = Role::kTool, .content = "r", .tool_call_id = "1"},
                                   {.role = Role::kSystem, .content = "s"}};
  const std::string text = Written(messages);
  EXPECT_TRUE(text.ends_with("\n\nsA:/")) << text;
}

TEST(Instructions, ADevelopersAreASystems) {
  using enum Role;
  for (const bool thinking : {false, true})
    EXPECT_EQ(Written(Talk({{kDeveloper, "d"}, {kUser, "q"}}), kDeepSeekV4, thinking),
              Written(Talk({{kSystem, "d"}, {kUser, "q"}}), kDeepSeekV4, thinking));
}

TEST(Instructions, WhatIsOnOfferIsKept) {
  std::vector<Message> messages = {{.role = Role::kSystem, .content = "s"}};
  messages[0].tools = {Json::MakeObject({{"name", "f"}})};
  const std::string text = Written(messages);
  EXPECT_NE(text.find(R"({"name": "f"})"), text.npos);
  EXPECT_TRUE(text.ends_with("U:sA:/")) << text;
}

}  // namespace
}  // namespace hadal::chat
