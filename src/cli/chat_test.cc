#include "cli/chat.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/call_test.h"

namespace hadal::cli {
namespace {

std::string Through(Status (*command)(std::istream&, std::ostream&), const std::string& input) {
  std::istringstream in(input);
  std::ostringstream out;
  const Status done = command(in, out);
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
