#include "chat/stream_parser.h"

#include <gtest/gtest.h>

#include <map>

#include "chat/message.h"
#include "chat/parse.h"
#include "testing/shared_file.h"

namespace hadal::chat {
namespace {

using Kind = StreamEvent::Kind;

// What a reader of the events puts together.
struct Read {
  Message message{.role = Role::kAssistant};
  std::size_t closed_calls = 0;
  std::vector<std::string> warnings;

  std::string Text() const {
    std::string text = MessageJson(message).Dump() + fmt::format(" closed {}", closed_calls);
    for (const std::string& warning : warnings) text += " | " + warning;
    return text;
  }
};

void Take(const std::vector<StreamEvent>& events, Read* read) {
  std::vector<ToolCall>& calls = read->message.tool_calls;
  for (const StreamEvent& event : events) {
    switch (event.kind) {
      case Kind::kReasoning:
        read->message.reasoning += event.text;
        break;
      case Kind::kContent:
        read->message.content += event.text;
        break;
      case Kind::kCallBegin:
        ASSERT_EQ(event.call, calls.size());
        calls.push_back({"", event.text, ""});
        break;
      case Kind::kArguments:
        ASSERT_EQ(event.call + 1, calls.size());
        calls.back().arguments += event.text;
        break;
      case Kind::kCallEnd:
        ++read->closed_calls;
        break;
      case Kind::kWarning:
        read->warnings.push_back(event.text);
        break;
    }
  }
}

Read ReadPieces(const std::vector<std::string_view>& pieces, StreamOptions options) {
  StreamParser parser(kDeepSeekV4, options);
  Read read;
  for (const std::string_view piece : pieces) Take(parser.Push(piece), &read);
  Take(parser.Finish(), &read);
  return read;
}

Read ReadWhole(std::string_view text, StreamOptions options) { return ReadPieces({text}, options); }

// In one piece, in two pieces cut at every byte, and byte by byte.
void ExpectCutsChangeNothing(std::string_view text, StreamOptions options) {
  const std::string want = ReadWhole(text, options).Text();
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    bytes.push_back(text.substr(at, 1));
    ASSERT_EQ(ReadPieces({text.substr(0, at), text.substr(at)}, options).Text(), want) << at;
  }
  ASSERT_EQ(ReadPieces(bytes, options).Text(), want);
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

const std::string kBlock = Text(
    "\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\n<{D}parameter name=\"a\" string=\"true\">x\n\"é\""
    "</{D}parameter>\n<{D}parameter name=\"n\" string=\"false\">[1, 2]</{D}parameter>\n"
    "</{D}invoke>\n<{D}invoke name=\"g\">\n\n</{D}invoke>\n</{D}tool_calls>");
constexpr StreamOptions kTools{.thinking = true, .tools = true};

TEST(StreamParser, ReadsWhatTheStrictParserReads) {
  for (const std::string& text :
       {Text("r é</think>c{E}"), "r</think>c" + kBlock + Text("{E}"), "</think>" + kBlock}) {
    const auto strict = ParseCompletion(kDeepSeekV4, text, true);
    ASSERT_TRUE(std::holds_alternative<Message>(strict)) << text;
    const Read read = ReadWhole(text, kTools);
    EXPECT_EQ(MessageJson(read.message).Dump(), MessageJson(std::get<Message>(strict)).Dump());
    EXPECT_EQ(read.closed_calls, read.message.tool_calls.size());
    EXPECT_TRUE(read.warnings.empty());
    ExpectCutsChangeNothing(text, kTools);
  }
}

TEST(StreamParser, ArgumentsComeAsTheyAre) {
  StreamParser parser(kDeepSeekV4, kTools);
  const std::string open = Text("</think>\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\n");
  const auto events = parser.Push(open + Text("<{D}parameter name=\"a\" string=\"true\">ab"));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].text, "f");
  EXPECT_EQ(events[1].text + events[2].text, "{\"a\": \"ab");
  const auto more = parser.Push("\nc</");  // the beginning of a tag, perhaps
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].text, "\\nc");
}

TEST(StreamParser, ACallInsideTheReasoningIsACall) {
  const Read read = ReadWhole("think" + kBlock + " on</think>c", kTools);
  EXPECT_EQ(read.message.reasoning, "think on");
  EXPECT_EQ(read.message.content, "c");
  EXPECT_EQ(read.message.tool_calls.size(), 2u);
}

TEST(StreamParser, WithoutToolsNothingIsACall) {
  const StreamOptions options{.thinking = false, .tools = false};
  const Read read = ReadWhole("c" + kBlock, options);
  EXPECT_EQ(read.message.content, "c" + kBlock);
  EXPECT_TRUE(read.message.tool_calls.empty());
  ExpectCutsChangeNothing("c" + kBlock, options);
}

TEST(StreamParser, ReasoningThatNobodyAskedForIsReasoning) {
  const StreamOptions options{.thinking = false, .tools = true};
  EXPECT_EQ(ReadWhole("<think>r</think>c", options).message.reasoning, "r");
  EXPECT_EQ(ReadWhole("<thin", options).message.content, "<thin");
  EXPECT_EQ(ReadWhole("a<think>b", options).message.content, "a<think>b");
  ExpectCutsChangeNothing("<think>r</think>c", options);
}

// All characters of the text are in some event, markup that was understood apart.
TEST(StreamParser, WhatIsMalformedIsText) {
  const std::pair<std::string, std::string> cases[] = {
      {"\n\n<{D}tool_calls>\nhello", "\n\n<{D}tool_calls>\nhello"},
      {"\n\n<{D}tool_calls>\n<{D}invoke nome=\"f\">\n</{D}invoke>",
       "\n\n<{D}tool_calls>\n<{D}invoke nome=\"f\">\n</{D}invoke>"},
      {"\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\n<{D}parameter name=\"a\" string=\"maybe\">x",
       "<{D}parameter name=\"a\" string=\"maybe\">x"},
      {"\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\nhello", "hello"},
      {"a{E}more", "amore"},
      {"a\n\n<{D}tool_ca", "a\n\n<{D}tool_ca"},
  };
  for (const auto& [text, content] : cases) {
    const StreamOptions options{.thinking = false, .tools = true};
    const Read read = ReadWhole(Text(text), options);
    EXPECT_EQ(read.message.content, Text(content));
    EXPECT_EQ(read.warnings.empty(), text == "a\n\n<{D}tool_ca") << text;
    ExpectCutsChangeNothing(Text(text), options);
  }
}

TEST(StreamParser, ACallThatIsCutStaysOpen) {
  const std::size_t inside = kBlock.find("</", kBlock.find("x\n"));
  const Read read = ReadWhole("</think>" + kBlock.substr(0, inside), kTools);
  ASSERT_EQ(read.message.tool_calls.size(), 1u);
  EXPECT_EQ(read.message.tool_calls[0].arguments, "{\"a\": \"x\\n\\\"é\\\"");
  EXPECT_EQ(read.closed_calls, 0u);
  EXPECT_EQ(read.warnings, std::vector<std::string>{"the text ends inside a tool call"});
}

// However much of the tag there is.
TEST(StreamParser, ATagThatIsCutIsNoPartOfItsValue) {
  const std::string tag = Text("</{D}parameter>");
  for (const auto& [is_text, value] : {std::pair("false", "3"), {"true", "3"}}) {
    const std::string open = "</think>" + Text("\n\n<{D}tool_calls>\n<{D}invoke name=\"f\">\n") +
                             Text("<{D}parameter name=\"a\" string=\"") + is_text + "\">" + value;
    const Read whole = ReadWhole(open, kTools);
    const std::size_t sure = tag.find(kDeepSeekV4.dsml) + kDeepSeekV4.dsml.size();
    for (std::size_t n = *is_text == 'f' ? 1 : sure; n < tag.size(); ++n)
      EXPECT_EQ(ReadWhole(open + tag.substr(0, n), kTools).Text(), whole.Text()) << is_text << n;
  }
}

TEST(StreamParser, KnowsWhereACallWasCut) {
  const auto inside = [](std::string_view text) {
    StreamParser parser(kDeepSeekV4, {.thinking = false, .tools = true});
    (void)parser.Push(text);
    return parser.inside_calls();
  };
  const std::string text = "a" + kBlock;
  const std::size_t begin = text.find(kDeepSeekV4.dsml) + kDeepSeekV4.dsml.size();
  EXPECT_FALSE(inside("a"));
  EXPECT_FALSE(inside("a\n\n<"));  // text, for all that is known
  for (std::size_t size = begin; size < text.size(); ++size)
    EXPECT_TRUE(inside(text.substr(0, size))) << size;
  EXPECT_FALSE(inside(text));
}

TEST(StreamParserGolden, EveryCaseAtEveryCut) {
  const auto text = testing::SharedFile("encoding/parse_cases.json");
  if (!text) GTEST_SKIP() << "no shared/encoding beside the sources";
  const Json cases = ParseJson(*text).value();
  for (const Json& c : *cases.AsArray()) {
    const std::string& completion = *c.Find("text")->AsString();
    const StreamOptions options{.thinking = *c.Find("thinking_mode")->AsString() == "thinking",
                                .tools = true};
    if (const Json* message = c.Find("message"); message != nullptr) {
      EXPECT_EQ(MessageJson(ReadWhole(completion, options).message).Dump(), message->Dump());
    }
    ExpectCutsChangeNothing(completion, options);
  }
}

}  // namespace
}  // namespace hadal::chat
