// Conversations from a pipe with the embedded model: commands, files, and that a turn reads only
// what is new. At a terminal: tests/chat_terminal.py.
#include "talk/talk.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <sstream>

#include "chat/dialect.h"
#include "io/file.h"
#include "talk/engine_answerer.h"
#include "talk/history_file.h"
#include "talk/http_answerer.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::talk {
namespace {

const engine::ModelFiles& Files() {
  static const engine::ModelFiles files = engine::OpenModel(testing::EmbeddedFolder()).value();
  return files;
}

// Answers with the number of messages that it was shown, and reasons if asked to.
class Echo : public Answerer {
 public:
  std::string model() const override { return "echo"; }
  std::string about() const override { return "echo"; }
  Result<Answer> Reply(const Conversation& conversation, const AnswerListener& listener,
                       const std::atomic<bool>& /*stop*/) override {
    if (conversation.messages.back().content == "fail") return Fail(Code::kExhausted, "no more");
    Answer answer{.message = {.role = chat::Role::kAssistant}};
    if (conversation.effort != Effort::kNone) {
      answer.message.reasoning = "because";
      listener.on_text(true, answer.message.reasoning);
    }
    answer.message.content =
        fmt::format("{}:{}#{}", conversation.messages.size(), conversation.messages.back().content,
                    conversation.sample.choice);
    listener.on_text(false, answer.message.content);
    answer.generated_tokens = 7;
    return answer;
  }
  ContextUse use() const override { return {.tokens = 5, .limit = 100, .cache_bytes = 2000}; }
  std::string UseTable() const override { return "table\n"; }
};

struct Said {
  Status status;
  std::string out;
  Conversation conversation;
};

Said Say(const std::string& lines, ScreenOptions screen_options = {}) {
  Echo echo;
  std::istringstream in(lines);
  std::ostringstream out;
  const auto source = StreamLines(in);
  Screen screen(out, screen_options);
  Talk talk(echo, *source, screen, {});
  const Status status = talk.Run();
  return {status, out.str(), talk.conversation()};
}

TEST(Talk, AnswersAloneComeOutOfAPipe) {
  EXPECT_EQ(Say("a\n\nb\r\n/quit\nc\n").out, "1:a#0\n3:b#0\n");
  EXPECT_EQ(Say("/think\na\n").out, "1:a#0\n");  // reasoning is for people
  EXPECT_EQ(Say("a\\\nb\n\"\"\"c\n/d\n\"\"\"\n").out, "1:a\nb#0\n3:c\n/d#0\n");
  EXPECT_EQ(Say("\"\"\"\n/etc is a folder\n\"\"\"\n").out, "1:/etc is a folder#0\n");
  EXPECT_EQ(Say("\"\"\"\nhello\nyou\n").out, "1:hello\nyou#0\n");  // the input's end ends it
  EXPECT_EQ(Say(" /a").out, "1: /a#0\n");
}

TEST(Talk, CommandsChangeTheConversation) {
  EXPECT_EQ(Say("a\n/regen\n/regen\n").out, "1:a#0\n1:a#1\n1:a#2\n");
  EXPECT_EQ(Say("a\nb\n/undo\nc\n").out, "1:a#0\n3:b#0\n3:c#0\n");
  EXPECT_EQ(Say("/system Be brief.\na\n/new\nb\n/system\n").out, "2:a#0\n2:b#0\nBe brief.\n");
  EXPECT_EQ(Say("/system x\n/system -\na\n").conversation.system(), "");
  EXPECT_NE(Say("/help\n").out.find("/regen"), std::string::npos);
  EXPECT_EQ(Say("/ctx\n").out, "table\n");
  EXPECT_NE(Say("a\n/stats\n").out.find("temperature"), std::string::npos);
  EXPECT_EQ(Say("/max\na").conversation.effort, Effort::kMax);
}

TEST(Talk, WhatFailsIsOneLineAndLeavesTheConversation) {
  const std::pair<const char*, const char*> cases[] = {
      {"/nosuch\n",
       "no command '/nosuch'; /help lists them (a message may begin with a space and "
       "a slash)"},
      {"/undo\n", "/undo: there is no message to take back"},
      {"/regen\n", "/regen: there is no message to answer"},
      {"/quit now\n", "/quit: found 'now', expected nothing behind it"},
      {"/load\n", "/load: found nothing, expected a file"},
      {"/load /no/such\n", "/no/such: cannot open: No such file or directory"},
      {"fail\n", "no more"}};
  for (const auto& [line, what] : cases) {
    const Said said = Say(line);
    ASSERT_FALSE(said.status.ok()) << line;
    EXPECT_NE(said.status.error().what.find(what), std::string::npos) << said.status.error().what;
    EXPECT_TRUE(said.conversation.messages.empty());
  }
  // Where a person sees it, the talk goes on.
  EXPECT_NE(Say("fail\na\n", {.terminal = true}).out.find("! no more\n1:a#0"), std::string::npos);
}

TEST(Talk, OnATerminalReasoningIsDimmedOrFolded) {
  const std::string plain = Say("/think\na\n", {.terminal = true}).out;
  EXPECT_NE(plain.find("because\n\u25BE thought for 0.0 s\n1:a#0\n"), std::string::npos) << plain;
  EXPECT_NE(plain.find("7 tokens \u00B7 context 5 of 100 (5%) \u00B7 cache 2.00 kB"),
            std::string::npos)
      << plain;
  EXPECT_EQ(plain.find('\033'), std::string::npos);
  const std::string dimmed = Say("/think\na\n", {.terminal = true, .colours = true}).out;
  EXPECT_NE(dimmed.find("\033[2mbecause"), std::string::npos) << dimmed;
  const std::string folded = Say("/think\n/fold\na\n/fold\n", {.terminal = true}).out;
  EXPECT_LT(folded.find("; /fold shows it"), folded.find("because")) << folded;
  EXPECT_NE(folded.find("because"), std::string::npos);
  // What a model writes moves no cursor.
  EXPECT_EQ(Say("\033[2J\n", {.terminal = true}).out.find('\033'), std::string::npos);
}

TEST(Talk, FilesGoInFrontOfTheNextMessage) {
  testing::TempFolder folder;
  ASSERT_TRUE(io::WriteFile(folder.File("n.txt"), "one\ntwo").ok());
  ASSERT_TRUE(io::WriteFile(folder.File("b"), "\xFF\xFE").ok());
  const Said said = Say("/read " + folder.File("n.txt") + "\nsum up\nmore\n");
  EXPECT_EQ(said.conversation.messages[0].content,
            folder.File("n.txt") + ":\n```\none\ntwo\n```\n\nsum up");
  EXPECT_EQ(said.conversation.messages[2].content, "more");
  EXPECT_NE(Say("/read " + folder.File("b")).status.error().what.find("byte 0 is not UTF-8"),
            std::string::npos);
}

TEST(Conversation, ComesBackFromItsFile) {
  testing::TempFolder folder;
  const std::string file = folder.File("c.json");
  const Said said = Say("/system s\n/think\na\nb\n/regen\n/save " + file + "\n");
  ASSERT_TRUE(said.status.ok()) << said.status.error().what;
  const Said loaded = Say("/load " + file + "\n");
  EXPECT_EQ(ConversationJson(loaded.conversation).Dump(),
            ConversationJson(said.conversation).Dump());
  EXPECT_EQ(loaded.conversation.messages[2].reasoning, "because");
  EXPECT_EQ(loaded.conversation.sample.choice, 1u);
}

TEST(Conversation, ReplacesAConversationAlone) {
  testing::TempFolder folder;
  const std::string file = folder.File("c.json");
  for (const char* other : {"a book", R"({"messages": []})", R"({"a": "hadal_conversation"})"}) {
    ASSERT_TRUE(io::WriteFile(file, other).ok());
    const Said said = Say("a\n/save " + file + "\n");
    EXPECT_EQ(said.status.error().what,
              file +
                  ": found a file that is not a conversation of hadal chat, expected nothing or a "
                  "conversation of hadal chat");
    EXPECT_EQ(io::ReadFile(file).value(), other);
  }
  ASSERT_TRUE(io::WriteFile(file, R"({"hadal_conversation":1,"messages":[]})").ok());
  EXPECT_TRUE(Say("a\n/save " + file + "\n/save " + file + "\n").status.ok());
}

TEST(ServerUrl, HasAHostAndAPort) {
  for (const char* good : {"http://a", "http://a:1", "http://a:65535/v1", "http://[::1]:8080/x"})
    EXPECT_TRUE(CheckServerUrl(good).ok()) << good;
  for (const char* bad : {"http://a:0", "http://a:65536", "http://a:99999", "http://a:",
                          "http://a:http", "http://a:-1", "http://a:80x", "http://[::1]:/v1"})
    EXPECT_NE(CheckServerUrl(bad).error().what.find("expected 1 to 65535"), std::string::npos)
        << bad;
  for (const char* bad : {"", "foo", "https://a", "http://", "http://:80", "http:///v1"})
    EXPECT_NE(CheckServerUrl(bad).error().what.find("expected http://HOST:PORT"), std::string::npos)
        << bad;
}

TEST(Conversation, ForeignAndCutFilesAreOneLine) {
  testing::TempFolder folder;
  const std::string file = folder.File("c.json");
  const std::string whole = ConversationJson(Say("a\n").conversation).Dump();
  const auto problem = [&](const std::string& text) {
    EXPECT_TRUE(io::WriteFile(file, text).ok());
    const auto loaded = LoadConversation(file);
    return loaded.ok() ? std::string() : loaded.error().what;
  };
  EXPECT_EQ(problem(whole), "");
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    const std::string what = problem(whole.substr(0, cut));
    EXPECT_TRUE(what.starts_with(file + ": ")) << what;
    EXPECT_EQ(what.find('\n'), what.npos);
  }
  EXPECT_EQ(problem("{}"),
            file + ": not a conversation of hadal chat: \"hadal_conversation\" is missing");
  EXPECT_EQ(problem("[1]"),
            file + ": not a conversation of hadal chat: \"hadal_conversation\" is missing");
  EXPECT_EQ(problem(R"({"hadal_conversation": 2, "messages": []})"),
            file + ": hadal_conversation: found version 2, this program reads 1");
  EXPECT_EQ(problem(R"({"hadal_conversation": 1})"), file + ": messages: found nothing");
  EXPECT_EQ(problem(R"({"hadal_conversation": 1, "messages": [], "effort": "some"})"),
            file + ": effort: found \"some\", expected none, high or max");
  EXPECT_EQ(problem(R"({"hadal_conversation": 1, "messages": [], "sampling": {"heat": 1}})"),
            file + ": sampling.heat: found 1, expected one of the known names");
  EXPECT_EQ(
      problem(R"({"hadal_conversation": 1, "messages": [], "sampling": {"temperature": -1}})"),
      file + ": sampling: temperature -1 is not in [0, 100]");
}

TEST(HistoryFile, IsItsOwnersAndKeepsLines) {
  testing::TempFolder folder;
  const std::string path = folder.File("sub/history");
  HistoryFile file(path);
  for (const char* entry : {"one", "two\nlines", "\u00E9"}) file.Append(entry);
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(file.Read(2), (std::vector<std::string>{"two\nlines", "\u00E9"}));
  EXPECT_EQ(file.Read(1), std::vector<std::string>{"\u00E9"});  // and is written anew
  EXPECT_EQ(file.Read(9), std::vector<std::string>{"\u00E9"});
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_TRUE(io::WriteFile(path, "no JSON\n").ok());
  EXPECT_TRUE(file.Read(9).empty());
  HistoryFile("").Append("x");
  EXPECT_TRUE(HistoryFile("").Read(9).empty());
}

class EngineAnswererTest : public ::testing::Test {
 protected:
  EngineAnswererTest() : threads_(1) {}
  std::unique_ptr<EngineAnswerer> Make(EngineOptions options) {
    return EngineAnswerer::Create(Files(), threads_, options, stop_).value();
  }
  static Conversation Asking(const char* text) {
    Conversation conversation;
    conversation.sample.seed = 3;
    conversation.messages.push_back({.role = chat::Role::kUser, .content = text});
    return conversation;
  }
  // One whose answers the model cannot end itself: no control token is ever drawn.
  static Conversation AskingForever(const char* text) {
    Conversation conversation = Asking(text);
    for (const std::string& token : chat::ControlTokens(chat::kDeepSeekV4))
      conversation.sample.logit_bias.push_back({*Files().tokenizer.AddedToken(token), -100});
    return conversation;
  }
  Answer Reply(EngineAnswerer& answerer, Conversation* conversation) {
    const Answer answer = answerer.Reply(*conversation, {}, stop_).value();
    conversation->messages.push_back(answer.message);
    return answer;
  }

  Threads threads_;
  std::atomic<bool> stop_{false};
};

// With states that were kept and without: the same answers, and fewer tokens read.
TEST_F(EngineAnswererTest, ATurnReadsOnlyWhatIsNew) {
  for (const Effort effort : {Effort::kNone, Effort::kHigh}) {
    const auto keeping = Make({.context = 2048, .max_tokens = 40});
    Conversation conversation = Asking("Once upon a time there was a king who had a daughter.");
    conversation.effort = effort;
    for (int turn = 0; turn < 6; ++turn) {
      const auto fresh = Make({.context = 2048, .max_tokens = 40});
      Conversation alone = conversation;
      const Answer expected = Reply(*fresh, &alone);
      const Answer answer = Reply(*keeping, &conversation);
      EXPECT_EQ(answer.message.content, expected.message.content);
      EXPECT_EQ(answer.message.reasoning, expected.message.reasoning);
      EXPECT_EQ(expected.read_tokens, expected.prompt_tokens);
      if (turn > 0) {
        EXPECT_LT(answer.read_tokens, 60u) << answer.prompt_tokens;
      }
      if (turn == 3) {  // another answer: the prompt is known
        conversation.messages.pop_back();
        ++conversation.sample.choice;
        EXPECT_LE(Reply(*keeping, &conversation).read_tokens, 1u);
      }
      conversation.messages.push_back({.role = chat::Role::kUser, .content = "And then?"});
    }
    EXPECT_GT(keeping->use().tokens, 60u);  // the questions alone are that long
    EXPECT_GT(keeping->use().cache_bytes, 0u);
    EXPECT_NE(keeping->UseTable().find("of 2,048 tokens"), std::string::npos);
  }
}

TEST_F(EngineAnswererTest, AnswersEndAtTheirLimits) {
  const auto answerer = Make({.context = 64});
  Conversation conversation = AskingForever("Once upon a time");
  EXPECT_EQ(Reply(*answerer, &conversation).end, Answer::End::kLimit);
  conversation.messages.push_back({.role = chat::Role::kUser, .content = "And then?"});
  const auto full = answerer->Reply(conversation, {}, stop_);
  EXPECT_NE(full.error().what.find("the context 64: /undo, /new, or a larger --ctx"),
            std::string::npos);
  // Ctrl-C, before and while it answers.
  Conversation other = AskingForever("Once");
  stop_ = true;
  EXPECT_EQ(Reply(*answerer, &other).end, Answer::End::kStopped);
  stop_ = false;
  other = AskingForever("Once");
  AnswerListener listener;
  listener.on_text = [&](bool, std::string_view) { stop_ = true; };
  const Answer stopped = answerer->Reply(other, listener, stop_).value();
  EXPECT_EQ(stopped.end, Answer::End::kStopped);
  EXPECT_FALSE(stopped.message.content.empty());
  EXPECT_LT(stopped.generated_tokens, 10u);
}

TEST_F(EngineAnswererTest, AContextThatCannotBeIsRefused) {
  const auto made = EngineAnswerer::Create(Files(), threads_, {.context = 1 << 30}, stop_);
  EXPECT_EQ(made.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace hadal::talk
