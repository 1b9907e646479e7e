#include "chat/call_grammar.h"

#include <gtest/gtest.h>

#include "chat/encode.h"
#include "chat/message.h"
#include "chat/parse.h"
#include "grammar/matcher.h"

namespace hadal::chat {
namespace {

constexpr const char* kWeather =
    R"({"name": "weather", "parameters": {"type": "object", "properties":
    {"city": {"type": "string", "format": "name"},
     "days": {"type": "integer", "minimum": 1, "maximum": 7},
     "unit": {"enum": ["C", "F"]}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
     "code": {"type": "string", "pattern": "^[A-Z]{3}$"}},
    "required": ["city"]}})";

std::vector<Json> Tools() {
  return {ParseJson(kWeather).value(), ParseJson(R"({"name": "now"})").value()};
}

// A reply of calls as the encoding writes it, without its end.
std::string Written(std::vector<ToolCall> calls) {
  Message message{.role = Role::kAssistant};
  message.tool_calls = std::move(calls);
  const Message messages[] = {{.role = Role::kUser, .content = "?"}, message};
  std::string text = Encode(kDeepSeekV4, messages, {.thinking = false, .bos = false}).Whole();
  text = text.substr(text.find(kDeepSeekV4.think_end) + kDeepSeekV4.think_end.size());
  return text.substr(0, text.size() - kDeepSeekV4.eos.size());
}

bool Accepts(const std::string& text, const CallGrammarOptions& options = {}) {
  const grammar::Grammar grammar = CallGrammar(kDeepSeekV4, Tools(), options).value();
  grammar::Matcher matcher(grammar);
  const grammar::Place place = matcher.Step(matcher.Start(), text);
  return place != grammar::kDead && matcher.MayEnd(place);
}

TEST(CallGrammar, ArgumentsAreAnObject) {
  const auto made = [](const std::string& type) {
    const std::string tool = R"({"name": "f", "parameters": {"type": )" + type + "}}";
    const Json tools[] = {ParseJson(tool).value()};
    return CallGrammar(kDeepSeekV4, tools, {});
  };
  EXPECT_TRUE(made(R"("object")").ok());
  EXPECT_TRUE(made(R"(["null", "object"])").ok());
  for (const char* type : {R"("string")", R"(["array", "null"])", "5"}) {
    const auto refused = made(type);
    ASSERT_FALSE(refused.ok()) << type;
    EXPECT_EQ(refused.error().what.find("f.parameters.type: found "), 0u) << refused.error().what;
  }
}

TEST(CallGrammar, AcceptsCallsAsTheEncodingWritesThem) {
  const ToolCall full{"", "weather",
                      R"({"city": "Bern </b> <", "days": 3, "unit": "C", "note": "x"})"};
  const ToolCall short_one{"", "weather", R"({"city": ""})"}, now{"", "now", "{}"};
  for (const auto& calls : {std::vector{full}, {short_one}, {now}, {now, full, now}})
    EXPECT_TRUE(Accepts(Written(calls))) << Written(calls);
  EXPECT_TRUE(Accepts(Written({{"", "weather", R"({"city": "a", "note": null})"}})));
  const std::pair<const char*, const char*> bad[] = {
      {"weather", "{}"},                               // city is missing
      {"weather", R"({"city": 5})"},                   // no string
      {"weather", R"({"days": 3, "city": "a"})"},      // not in the schema's order
      {"weather", R"({"city": "a", "days": 8})"},      // out of range
      {"weather", R"({"city": "a", "unit": "K"})"},    // not listed
      {"weather", R"({"city": "a", "code": "ABC"})"},  // bounded otherwise: JSON, not as it is
      {"weather", R"({"city": "a", "more": 1})"},      // not described
      {"clock", "{}"}};
  for (const auto& [name, arguments] : bad)
    EXPECT_FALSE(Accepts(Written({{"", name, arguments}}))) << arguments;
  EXPECT_FALSE(Accepts(Written({})));
}

TEST(CallGrammar, WhatIsRequiredAndNotDescribedIsAnAdditionalOne) {
  const Json tool = ParseJson(R"({"name": "f", "parameters": {"required": ["a"],
      "additionalProperties": {"type": "boolean"}}})")
                        .value();
  const grammar::Grammar grammar = CallGrammar(kDeepSeekV4, {&tool, 1}, {}).value();
  grammar::Matcher matcher(grammar);
  const auto accepts = [&](const char* arguments) {
    return matcher.Step(matcher.Start(), Written({{"", "f", arguments}})) != grammar::kDead;
  };
  EXPECT_TRUE(accepts(R"({"a": true})"));
  EXPECT_FALSE(accepts(R"({"a": 1})"));
}

TEST(CallGrammar, AConstantThatIsAnArrayIsOneValue) {
  const Json tool = ParseJson(R"({"name": "f", "parameters": {"properties": {"a":
      {"anyOf": [{"type": "null"}, {"const": [1, "x"]}]}}}})")
                        .value();
  const grammar::Grammar grammar = CallGrammar(kDeepSeekV4, {&tool, 1}, {}).value();
  grammar::Matcher matcher(grammar);
  const auto accepts = [&](const char* arguments) {
    return matcher.Step(matcher.Start(), Written({{"", "f", arguments}})) != grammar::kDead;
  };
  EXPECT_TRUE(accepts(R"({"a": [1,"x"]})"));
  EXPECT_TRUE(accepts(R"({"a": null})"));
  EXPECT_FALSE(accepts(R"({"a": "x"})"));
  const Json no_list =
      ParseJson(R"({"name": "f", "parameters": {"properties": {"a": {"enum": "x"}}}})").value();
  EXPECT_FALSE(CallGrammar(kDeepSeekV4, {&no_list, 1}, {}).ok());
}

TEST(CallGrammar, OneFunctionOrOneCallIfAsked) {
  const ToolCall now{"", "now", "{}"}, weather{"", "weather", R"({"city": ""})"};
  EXPECT_TRUE(Accepts(Written({now}), {.only = "now"}));
  EXPECT_FALSE(Accepts(Written({weather}), {.only = "now"}));
  EXPECT_TRUE(Accepts(Written({weather}), {.parallel = false}));
  EXPECT_FALSE(Accepts(Written({weather, now}), {.parallel = false}));
}

// No text of an argument can be taken for the tag that ends it.
TEST(CallGrammar, TextsDoNotEndTheirTags) {
  const std::string tag = "</" + std::string(kDeepSeekV4.dsml) + "parameter>";
  EXPECT_FALSE(Accepts(Written({{"", "weather", Json::MakeObject({{"city", "a" + tag}}).Dump()}})));
  EXPECT_TRUE(Accepts(Written({{"", "weather", R"({"city": "\uff5c <\uff5c </ "})"}})));
  const std::vector<Json> tools = {ParseJson(
                                       R"({"name": "f", "parameters": {"properties": {"a":
              {"type": "array", "items": {"type": "string"}}}}})")
                                       .value()};
  const grammar::Grammar grammar = CallGrammar(kDeepSeekV4, tools, {}).value();
  grammar::Matcher matcher(grammar);
  const auto value = [&](const std::string& json) {
    std::string text = Written({{"", "f", R"({"a": ["@"]})"}});
    text.replace(text.find("[\"@\"]"), 5, json);
    return matcher.Step(matcher.Start(), text) != grammar::kDead;
  };
  EXPECT_TRUE(value(R"(["x", "\uff5c"])"));
  EXPECT_FALSE(value("[\"\uFF5C\"]"));
}

TEST(CallGrammar, AMarkStandsForTheToken) {
  std::string text = Written({{"", "now", "{}"}});
  const std::string dsml(kDeepSeekV4.dsml);
  for (std::size_t at = 0; (at = text.find(dsml, at)) != text.npos;)
    text.replace(at, dsml.size(), "\xF8");
  EXPECT_TRUE(Accepts(text, {.dsml = "\xF8"}));
  EXPECT_FALSE(Accepts(text));
}

TEST(CallGrammar, AnAnswerOfASchemaMayBeCallsInstead) {
  const Json schema = ParseJson(R"({"type": "object", "properties": {"a": {"type": "boolean"}},
      "additionalProperties": false})")
                          .value();
  const grammar::Grammar grammar = SchemaOrCalls(kDeepSeekV4, schema, "\xF8").value();
  grammar::Matcher matcher(grammar);
  const auto whole = [&](std::string text) {
    const std::string dsml(kDeepSeekV4.dsml);
    for (std::size_t at = 0; (at = text.find(dsml, at)) != text.npos;)
      text.replace(at, dsml.size(), "\xF8");
    const grammar::Place place = matcher.Step(matcher.Start(), text);
    return place != grammar::kDead && matcher.MayEnd(place);
  };
  EXPECT_TRUE(whole(R"({"a":true})"));
  EXPECT_FALSE(whole(R"({"b":true})"));
  EXPECT_TRUE(whole(Written({{"", "anything", R"({"b": [1]})"}})));
  EXPECT_FALSE(whole("\n\nYes."));
  EXPECT_FALSE(whole(""));
  EXPECT_EQ(SchemaOrCalls(kDeepSeekV4, ParseJson(R"({"not": {}})").value(), "").error().what,
            "schema: not is not supported");
}

TEST(CallGrammar, WhatCannotBeCalledIsNamed) {
  const auto problem = [](const char* tool, CallGrammarOptions options = {}) {
    std::vector<Json> tools;
    if (tool != nullptr) tools.push_back(ParseJson(tool).value());
    const auto grammar = CallGrammar(kDeepSeekV4, tools, options);
    return grammar.ok() ? "" : grammar.error().what;
  };
  EXPECT_EQ(problem(nullptr), "tool_choice: a call is required, but there are no tools");
  EXPECT_EQ(problem(R"({"name": "f"})", {.only = "g"}), "tool_choice: 'g' is not among the tools");
  EXPECT_EQ(problem(R"({"name": "a\"b"})"), "tools: a function named 'a\"b' cannot be called");
  EXPECT_EQ(problem(R"({"name": "f", "parameters": {"anyOf": []}})"),
            "f.parameters: anyOf is not supported for arguments");
  EXPECT_EQ(problem(R"({"name": "f", "parameters": {"properties": {"a": {"not": {}}}}})"),
            "f.parameters.properties.a: not is not supported");
  EXPECT_EQ(problem(R"({"name": "f", "parameters": 5})"),
            "f.parameters: found integer, expected an object");
}

}  // namespace
}  // namespace hadal::chat
