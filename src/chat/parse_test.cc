#include "chat/parse.h"

#include <gtest/gtest.h>

#include "chat/encode.h"
#include "testing/shared_file.h"

namespace hadal::chat {
namespace {

// The message as JSON, or the fault's name.
std::string Parse(std::string_view text, bool thinking) {
  const auto parsed = ParseCompletion(kDeepSeekV4, text, thinking);
  if (const auto* error = std::get_if<ParseError>(&parsed)) return ParseFaultName(error->fault);
  return MessageJson(std::get<Message>(parsed)).Dump();
}

// Text with {D} for the token of tags and {E} for EOS.
std::string Text(std::string text) {
  const std::pair<std::string_view, std::string_view> tokens[] = {{"{D}", kDeepSeekV4.dsml},
                                                                  {"{E}", kDeepSeekV4.eos}};
  for (const auto& [name, token] : tokens)
    for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;)
      text.replace(at, name.size(), token);
  return text;
}

constexpr const char* kCall =
    "\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\n<{D}parameter name=\"a\" string=\"true\">x\n\"y\""
    "</{D}parameter>\n<{D}parameter name=\"n\" string=\"false\">[1, 2]</{D}parameter>\n"
    "</{D}invoke>\n</{D}tool_calls>";

TEST(ParseCompletion, ReasoningContentAndCalls) {
  EXPECT_EQ(Parse(Text("r</think>c{E}"), true),
            R"({"role":"assistant","content":"c","reasoning_content":"r","tool_calls":[]})");
  EXPECT_EQ(Parse(Text("c{E}"), false),
            R"({"role":"assistant","content":"c","reasoning_content":"","tool_calls":[]})");
  const std::string call =
      R"({"role":"assistant","content":"c","reasoning_content":"",)"
      R"("tool_calls":[{"type":"function",)"
      R"("function":{"name":"f","arguments":"{\"a\": \"x\\n\\\"y\\\"\", \"n\": [1, 2]}"}}]})";
  EXPECT_EQ(Parse(Text(std::string("c") + kCall + "{E}"), false), call);
  EXPECT_EQ(Parse(Text(std::string("c") + kCall), false), call);  // the end may be missing
}

TEST(ParseCompletion, WhatIsMalformedIsAnError) {
  EXPECT_EQ(Parse("never closed", true), "AssertionError");
  EXPECT_EQ(Parse("cut", false), "AssertionError");
  EXPECT_EQ(Parse(Text("c{E}more"), false), "AssertionError");
  EXPECT_EQ(Parse(Text("a{D}b{E}"), false), "AssertionError");
  EXPECT_EQ(Parse(Text(std::string("c") + kCall + "more{E}"), false), "AssertionError");
  const std::string whole = Text(std::string("c") + kCall);
  std::string kind = whole;
  kind.replace(kind.find("\"true\""), 6, "\"maybe\"");
  EXPECT_EQ(Parse(kind, false), "ValueError");
  std::string twice = whole;
  twice.replace(twice.find("name=\"n\""), 8, "name=\"a\"");
  EXPECT_EQ(Parse(twice, false), "ValueError");
}

// The published parser takes a text that ends where a tag does for whole.
TEST(ParseCompletion, ACutBehindATagIsNoError) {
  const std::string whole = Text(std::string("c") + kCall);
  std::string ends;
  for (std::size_t size = whole.find("tool_calls") + 10; size < whole.size(); ++size)
    if (const std::string read = Parse(whole.substr(0, size), false); read != "ValueError")
      ends += whole.substr(size - 5, 5) + (read.find("\\\"n\\\"") != read.npos ? "2" : "");
  EXPECT_EQ(ends, "calls\"f\">\nter>\nter>\n2nvoke2");
}

TEST(ParseCompletion, NamesAndValuesEndWhereThePublishedParserEndsThem) {
  const auto call = [](const std::string& name, const std::string& parameter) {
    return Parse(Text("\n\n<{D}tool_calls>\n<{D}invoke" + name + "<{D}parameter" + parameter +
                      "</{D}invoke>\n</{D}tool_calls>{E}"),
                 false);
  };
  const auto arguments = [&](const std::string& parameter) {
    const std::string read = call(" name=\"f\">\n", parameter + "/{D}parameter>\n");
    const std::size_t begin = read.find("arguments\":") + 11;
    return read == "ValueError" ? read : read.substr(begin, read.size() - begin - 4);
  };
  EXPECT_EQ(arguments(" name=\"a\" string=\"true\">x<"), R"("{\"a\": \"x\"}")");
  EXPECT_EQ(arguments(" name=\"a\" string=\"true\">x<\n"), R"("{\"a\": \"x\"}")");
  EXPECT_EQ(arguments(" name=\"a\" string=\"true\">x"), "ValueError");
  EXPECT_EQ(arguments(" name=\"a\" string=\"maybe\" string=\"false\">1<"),
            R"("{\"a\\\" string=\\\"maybe\": 1}")");
  EXPECT_NE(call("\n name=\"f\">\n\n", " name=\"a\" string=\"false\">1</{D}parameter>\n"),
            "ValueError");
  EXPECT_EQ(call(" name=\"f\">\n \n", " name=\"a\" string=\"false\">1</{D}parameter>\n"),
            "ValueError");
}

// What the encoder writes, the parser reads back.
TEST(ParseCompletion, ReadsWhatTheEncoderWrites) {
  const Message said{.role = Role::kAssistant,
                     .content = "c \u00E9",
                     .reasoning = "r\n",
                     .tool_calls = {{"", "f", "{\"k\": {\"a\": [null, 1.5]}, \"t\": \"<b>\\n\"}"},
                                    {"", "g", "{}"}}};
  const Message messages[] = {{.role = Role::kUser, .content = "q"}, said};
  const std::string whole = Encode(kDeepSeekV4, messages, {}).Whole();
  const std::string asked = Encode(kDeepSeekV4, std::span(messages).first(1), {}).Whole();
  ASSERT_EQ(whole.find(asked), 0u);
  EXPECT_EQ(Parse(whole.substr(asked.size()), true), MessageJson(said).Dump());
}

TEST(ParseGolden, EveryCase) {
  const auto text = testing::SharedFile("encoding/parse_cases.json");
  if (!text) GTEST_SKIP() << "no shared/encoding beside the sources";
  const Json cases = ParseJson(*text).value();
  ASSERT_GE(cases.AsArray()->size(), 60u);
  for (const Json& c : *cases.AsArray()) {
    const Json* message = c.Find("message");
    const std::string want = message != nullptr ? message->Dump() : *c.Find("error")->AsString();
    EXPECT_EQ(
        Parse(*c.Find("text")->AsString(), *c.Find("thinking_mode")->AsString() == "thinking"),
        want)
        << c.Dump();
  }
}

}  // namespace
}  // namespace hadal::chat
