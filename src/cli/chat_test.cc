#include "cli/chat.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/call_test.h"

namespace hadal::cli {
namespace {

std::string Through(Status (*command)(const chat::Dialect&, std::istream&, std::ostream&),
                    const std::string& input, const chat::Dialect& dialect = chat::kDeepSeekV4) {
  std::istringstream in(input);
  std::ostringstream out;
  const Status done = command(dialect, in, out);
  return done.ok() ? out.str() : out.str() + "error: " + done.error().what;
}

TEST(Chat, EncodesLines) {
  EXPECT_EQ(
      Through(ChatEncode,
              "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}], \"options\": "
              "{\"thinking_mode\": \"chat\", \"add_default_bos_token\": false}}\n\n{\"messages\": "
              "[]}\n"),
      "{\"prompt\":\"<\uFF5CUser\uFF5C>hi<\uFF5CAssistant\uFF5C></think>\"}\n"
      "{\"prompt\":\"<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>\"}\n");
  EXPECT_EQ(Through(ChatEncode, "\n{}\n"),
            "error: line 2: messages: found null, expected an array");
  EXPECT_EQ(Through(ChatEncode, "{\"messages\": [], \"tools\": []}"),
            "error: line 1: tools: found no message to give them to");
  EXPECT_EQ(Through(ChatEncode, "[").rfind("error: line 1: ", 0), 0u);
}

TEST(Chat, EncodesTheFormatThatIsAskedFor) {
  const std::string result =
      R"({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]},)"
      R"({"role": "tool", "content": "r"}], "options": {"thinking_mode": "chat"}})";
  EXPECT_NE(Through(ChatEncode, result).find("<tool_result>r</tool_result>"), std::string::npos);
  EXPECT_NE(Through(ChatEncode, result, chat::kDeepSeekV32).find("\\n<result>r</result>"),
            std::string::npos);
  EXPECT_EQ(
      Through(ChatEncode, R"({"messages": [{"role": "latest_reminder"}]})", chat::kDeepSeekV32),
      "error: line 1: messages[0]: role: the format of deepseek_v32 has no latest_reminder");
  EXPECT_NE(Call({"chat", "encode", "--jsonl", "--dialect", "v5"}).errors.find("deepseek_v32"),
            std::string::npos);
}

TEST(Chat, ParsesLines) {
  EXPECT_EQ(Through(ChatParse, "{\"text\": \"a\", \"thinking_mode\": \"chat\"}\n"),
            "{\"error\":\"AssertionError\",\"what\":\"the turn is not closed\"}\n");
  EXPECT_EQ(
      Through(ChatParse, "{\"text\": \"r</think>a<\uFF5Cend\u2581of\u2581sentence\uFF5C>\"}\n"),
      "{\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_content\":\"r\","
      "\"tool_calls\":[]}}\n");
  EXPECT_EQ(Through(ChatParse, "{}"), "error: line 1: text: found nothing, expected a string");
}

}  // namespace
}  // namespace hadal::cli
