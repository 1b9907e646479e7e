#include "cli/tokenize.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/json.h"
#include "chat/dialect.h"
#include "cli/tokenizer.h"
#include "io/file.h"
#include "testing/temp_folder.h"
#include "text/tokenizer.h"

namespace hadal::cli {
namespace {

// A tokenizer of " the" and "\n" and little else, learnt by the command itself.
class TokenizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_.File("a.txt")) << "the the the the\n";
    std::ostringstream out;
    const Status done =
        TrainTokenizer({.vocab_size = 263,
                        .out = folder_.File("model"),
                        .special = {"<think>", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"},
                        .inputs = {folder_.File("a.txt")},
                        .quiet = true},
                       out);
    ASSERT_TRUE(done.ok()) << done.error().what;
  }

  // Out, or "error: ...".
  std::string Run(TokenizeOptions options, const std::string& input) {
    if (options.model.empty()) options.model = folder_.File("model");
    std::istringstream in(input);
    std::ostringstream out;
    const Status done = Tokenize(options, in, out);
    return done.ok() ? out.str() : out.str() + "error: " + done.error().what;
  }

  testing::TempFolder folder_;
};

// Ids: 0..2 leading, 3.. the bytes ('!' first: 'a' is 67), 259 "he", 260 "the", 261 " the".
TEST_F(TokenizeTest, TextToIds) {
  EXPECT_EQ(Run({}, "the the a"), "260 261 223 67\n");
  EXPECT_EQ(Run({}, ""), "\n");
  EXPECT_EQ(Run({.text = "the", .text_given = true}, "unread"), "260\n");
  EXPECT_EQ(Run({.text = "", .text_given = true}, "unread"), "\n");
  EXPECT_EQ(Run({.file = folder_.File("a.txt")}, "unread"), "260 261 261 261 201\n");
  EXPECT_EQ(Run({}, "a<think>"), "67 262\n");
  EXPECT_EQ(Run({.json = true}, "the a"), "{\"ids\": [260, 223, 67]}\n");
  EXPECT_EQ(Run({.model = folder_.File("model/tokenizer.json")}, "a"), "67\n");
}

TEST_F(TokenizeTest, VerboseShowsEveryTokensBytes) {
  EXPECT_EQ(
      Run({.verbose = true}, "the\n\"\u00E9"),
      "    260 \"the\"\n    201 \"\\n\"\n      4 \"\\\"\"\n    130 \"\\xC3\"\n    105 \"\\xA9\"\n");
  const auto json = ParseJson(Run({.json = true, .verbose = true}, "the a"));
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*(*json->Find("tokens")->AsArray())[0].Find("piece")->AsString(), "\"the\"");
}

TEST_F(TokenizeTest, IdsToText) {
  EXPECT_EQ(Run({.decode = true}, "260 261 223 67\n"), "the the a\n");
  EXPECT_EQ(Run({.decode = true}, "[260, 261]"), "the the\n");
  EXPECT_EQ(Run({.decode = true, .json = true}, "260"), "{\"text\":\"the\"}\n");
  EXPECT_EQ(Run({.decode = true}, ""), "\n");
  EXPECT_EQ(Run({.decode = true}, "260 x"), "error: id 2: found 'x', expected a number");
  EXPECT_EQ(Run({.decode = true}, "-1"),
            "error: id 1: found the id -1; the vocabulary has ids 0..262");
  EXPECT_EQ(Run({.decode = true}, "260 263"),
            "error: id 2: found the id 263; the vocabulary has ids 0..262");
  EXPECT_EQ(Run({.decode = true}, "99999999999999999999"),
            "error: id 1: found '99999999999999999999', expected a number");
}

TEST_F(TokenizeTest, JsonLines) {
  EXPECT_EQ(Run({.jsonl = true}, "{\"text\": \"the\"}\n{\"id\": 7, \"text\": \"\"}\n"),
            "{\"ids\": [260]}\n{\"ids\": []}\n");
  EXPECT_EQ(Run({.decode = true, .jsonl = true}, "{\"ids\": [260, 201]}"),
            "{\"text\":\"the\\n\"}\n");
  const std::string good = "{\"text\": \"a\"}\n";
  const std::string first = "{\"ids\": [67]}\n";
  EXPECT_EQ(Run({.jsonl = true}, good + "{\"text\": 5}"),
            first + "error: line 2: text: found integer, expected a string");
  EXPECT_EQ(Run({.jsonl = true}, good + "\n" + good),
            first + first);  // blank lines are passed over
  EXPECT_EQ(Run({.jsonl = true}, good + "x\n").rfind(first + "error: line 2: not JSON", 0), 0u);
  EXPECT_EQ(Run({.decode = true, .jsonl = true}, "{\"ids\": [260, 1.5]}"),
            "error: line 1: ids[1]: found number, expected an integer");
  EXPECT_EQ(Run({.decode = true, .jsonl = true}, "{\"ids\": [263]}"),
            "error: line 1: ids[0]: found the id 263; the vocabulary has ids 0..262");
  EXPECT_EQ(Run({.decode = true, .jsonl = true}, "[]"),
            "error: line 1: ids: found nothing, expected an array");
}

TEST_F(TokenizeTest, NoReaderOfLinesCutsAText) {
  const std::string out = Run({.jsonl = true}, "{\"text\": \"a\\u2028\\u2029\\u0085b\"}");
  EXPECT_EQ(Run({.decode = true, .jsonl = true}, out), "{\"text\":\"a\\u2028\\u2029\\u0085b\"}\n");
}

TEST_F(TokenizeTest, BlankLinesArePassedOver) {
  const std::string one = Run({.jsonl = true}, "{\"text\": \"the\"}");
  ASSERT_EQ(one.find("error"), std::string::npos) << one;
  EXPECT_EQ(Run({.jsonl = true}, "\n{\"text\": \"the\"}\n\n \r\n{\"text\": \"the\"}\n\n"),
            one + one);
  EXPECT_EQ(Run({.jsonl = true}, "\n\nx").find("error: line 3: "), 0u);
}

TEST_F(TokenizeTest, BadFiles) {
  const std::string none = folder_.File("none");
  EXPECT_EQ(Run({.model = none}, ""), "error: " + none + ": no such file");
  EXPECT_EQ(Run({.file = none}, "").rfind("error: " + none, 0), 0u);
  std::ofstream(folder_.File("bad.jsonl")) << "x\n";
  EXPECT_EQ(Run({.file = folder_.File("bad.jsonl"), .jsonl = true}, "")
                .rfind("error: " + folder_.File("bad.jsonl") + ": line 1: ", 0),
            0u);
}

TEST_F(TokenizeTest, TrainingReadsFoldersAndReports) {
  std::filesystem::create_directories(folder_.File("corpus/deep"));
  std::ofstream(folder_.File("corpus/deep/b.txt")) << "the the the ";
  std::ofstream(folder_.File("corpus/c.txt")) << "the\n";
  std::ofstream(folder_.File("corpus/ignored.bin")) << "zzzzzzzzzzzzzzz";
  std::ofstream(folder_.File("corpus/._c.txt")) << "attributes of c.txt, as macOS leaves them";
  const std::string path = folder_.File("out.json");
  std::ostringstream out;
  const Status done = TrainTokenizer({.vocab_size = 262,
                                      .out = path,
                                      .special = {},
                                      .inputs = {folder_.File("corpus")},
                                      .json = true,
                                      .quiet = true},
                                     out);
  ASSERT_TRUE(done.ok()) << done.error().what;
  const auto summary = ParseJson(out.str());
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(*summary->Find("path")->AsString(), path);
  EXPECT_EQ(*summary->Find("files")->AsInt(), 2);
  EXPECT_EQ(*summary->Find("input_bytes")->AsInt(), 16);
  EXPECT_EQ(*summary->Find("vocab_size")->AsInt(), 262);
  EXPECT_TRUE(text::Tokenizer::Open(path).ok());
}

TEST_F(TokenizeTest, NothingIsLearntFromNoText) {
  std::ofstream(folder_.File("empty.txt")).flush();
  const std::string path = folder_.File("out.json");
  std::ostringstream out;
  const Status done = TrainTokenizer({.vocab_size = 300,
                                      .out = path,
                                      .special = {},
                                      .inputs = {folder_.File("empty.txt")},
                                      .quiet = true},
                                     out);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().what, folder_.File("empty.txt") + ": found no text to learn tokens from");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(TokenizeTest, ATokenizerThatIsThereStaysUnlessAsked) {
  TrainTokenizerOptions again = {.vocab_size = 262,
                                 .out = folder_.File("model"),
                                 .special = {},
                                 .inputs = {folder_.File("a.txt")},
                                 .quiet = true};
  const std::string path = folder_.File("model/tokenizer.json");
  const std::string before = io::ReadFile(path).value();
  std::ostringstream out;
  const Status refused = TrainTokenizer(again, out);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().what,
            path + ": is there already, expected nothing; --force replaces it");
  EXPECT_EQ(io::ReadFile(path).value(), before);
  again.force = true;
  ASSERT_TRUE(TrainTokenizer(again, out).ok());
  EXPECT_NE(io::ReadFile(path).value(), before);
}

TEST_F(TokenizeTest, ATokenizerForConversationsHoldsTheirControlTokens) {
  const std::string path = folder_.File("chat.json");
  std::ostringstream out;
  const Status done = TrainTokenizer({.vocab_size = 300,
                                      .out = path,
                                      .chat = true,
                                      .special = {"<more>"},
                                      .inputs = {folder_.File("a.txt")},
                                      .min_count = 1,
                                      .quiet = true},
                                     out);
  ASSERT_TRUE(done.ok()) << done.error().what;
  const text::Tokenizer tokenizer = text::Tokenizer::Open(path).value();
  for (const std::string& token : chat::ControlTokens(chat::kDeepSeekV4))
    EXPECT_TRUE(tokenizer.AddedToken(token).has_value()) << token;
  EXPECT_EQ(tokenizer.AddedToken("<more>").value() + 1, tokenizer.vocab_size());
}

TEST_F(TokenizeTest, TrainingRefusals) {
  const auto error = [&](TrainTokenizerOptions options) {
    options.quiet = true;
    if (options.out.empty()) options.out = folder_.File("x.json");
    std::ostringstream out;
    const Status done = TrainTokenizer(options, out);
    EXPECT_FALSE(std::filesystem::exists(folder_.File("x.json")));
    return done.ok() ? std::string() : done.error().what;
  };
  const auto with_input = [](std::string input) {
    return TrainTokenizerOptions{.out = {}, .special = {}, .inputs = {std::move(input)}};
  };
  EXPECT_EQ(error(with_input(folder_.File("none"))).rfind(folder_.File("none"), 0), 0u);
  std::filesystem::create_directory(folder_.File("empty"));
  EXPECT_EQ(error(with_input(folder_.File("empty"))),
            folder_.File("empty") + ": found no .txt file in this directory");
  TrainTokenizerOptions small = with_input(folder_.File("a.txt"));
  small.vocab_size = 100;
  EXPECT_EQ(error(small).rfind("vocabulary size 100; expected 259", 0), 0u);
  TrainTokenizerOptions nowhere = with_input(folder_.File("a.txt"));
  nowhere.out = folder_.File("a.txt") + "/sub";
  EXPECT_EQ(error(nowhere).rfind(nowhere.out, 0), 0u);
}

}  // namespace
}  // namespace hadal::cli
