#include "chat/functions.h"

#include <gtest/gtest.h>

#include "chat/message.h"

namespace hadal::chat {
namespace {

std::string WhyNot(const std::string& tools) {
  const auto json = ParseJson(tools);
  if (!json.ok()) return json.error().what;
  const auto parsed = ParseTools(*json);
  return parsed.ok() ? "" : parsed.error().what;
}

TEST(Functions, WhatIsNoneIsNamed) {
  EXPECT_EQ(WhyNot(R"([{"type":"function","function":{"name":"f","description":"d",
                        "parameters":{"type":"object"}}},
                       {"function":{"name":"g","description":null,"parameters":null}}])"),
            "");
  const std::pair<const char*, const char*> cases[] = {
      {R"([{"function":{}}])", "tools[0].function.name: found nothing, expected"},
      {R"([{"function":{"name":5}}])", "tools[0].function.name: found '5', expected"},
      {R"([{"function":{"name":""}}])", "tools[0].function.name: found '\"\"', expected"},
      {R"([{"function":{"name":"f","description":[1]}}])",
       "tools[0].function.description: found '[1]', expected a string"},
      {R"([{"function":{"name":"f","parameters":"x"}}])",
       "tools[0].function.parameters: found '\"x\"', expected an object"},
      {R"([{"function":{"name":"f"}},{"function":{"name":"f"}}])",
       "tools[1].function.name: found '\"f\"', expected one that no other"},
      {R"([{"type":"web_search"}])", "tools[0].type: found '\"web_search\"', expected"},
      {R"([{"type":"function"}])", "tools[0].function: found nothing, expected an object"},
      {R"([5])", "tools[0].function: found nothing"},
      {R"({})", "tools: found object, expected an array"}};
  for (const auto& [tools, why] : cases)
    EXPECT_NE(WhyNot(tools).find(why), std::string::npos) << tools << "\n" << WhyNot(tools);
}

}  // namespace
}  // namespace hadal::chat
