// Usage: what is wrong with it is exit code 2, before any work is done.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "cli/call_test.h"
#include "engine/model_files.h"
#include "testing/source_file.h"

namespace hadal::cli {
namespace {

TEST(Usage, ValuesOutOfRangeAreNamed) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"run", "-p", "a", "--stop", ""}, "--stop: found an empty text"},
      {{"run", "-p", "a", "--threads", "1025"},
       "--threads: found '1025', expected a whole number from"},
      {{"run", "-p", "a", "--top-p", "2"}, "--top-p: top-p 2 is not in (0, 1]"},
      {{"run", "-p", "a", "--logit-bias", "7=101"},
       "--logit-bias: logit bias of token 7: bias 101 is not in [-100, 100]"},
      {{"run", "-p", "a", "--logit-bias", "7"},
       "--logit-bias: found '7', expected a token's id and its bias, as in 42=-100"},
      {{"run", "-p", "a", "--logprobs", "2"}, "--logprobs requires --json"},
      {{"run", "-p", "a", "--ram", "8X"}, "--ram: '8X' is not a size"},
      {{"eval", "perplexity", "-f", "x", "--context", "1"}, "--context: found '1'"},
      {{"synth", "x", "--ratios", "4,5"}, "--ratios: 5 not in {0,4,128}"},
      {{"run", "-m", "", "-p", "a"}, "--model: found an empty text"},
      {{"run", "-p", "a", "--snapshot", ""}, "--snapshot: found an empty text"},
      {{"eval", "perplexity", "-f", ""}, "--file: found an empty text"},
      {{"run", "-p", "a", "--max-tokens", "2", "--min-tokens", "5"},
       "--min-tokens: found 5, expected at most the 2 of --max-tokens"},
      {{"run", "-p", "a", "--max-tokens", "1.5"}, "--max-tokens: '1.5' is not a size"},
      {{"eval", "needle", "--lengths", "0"}, "--lengths: found '0', expected 1 to"},
      {{"data", "--out", "none", "story=0"}, "documents: found 'story=0', expected KIND=COUNT"},
      {{"data", "--out", "none", "story=1", "story=2"}, "story is given twice"},
      {{"cache", "rm", "none"}, "name --all, --model or --unused"},
      {{"chat", "--url", "foo"}, "--url 'foo': expected http://HOST:PORT"},
      {{"chat", "--url", "http://a:99999"}, "found port '99999', expected 1 to 65535"},
      {{"synth", "none", "--shape", "nope"}, "--shape: found 'nope', expected flash"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = Call(arguments);
    EXPECT_EQ(outcome.code, 2) << message;
    EXPECT_NE(outcome.errors.find(message), std::string::npos) << outcome.errors;
  }
}

TEST(Usage, AnEmptyVariableIsNotSet) {
  const char* before = std::getenv("HADAL_MODEL");
  const std::string kept = before == nullptr ? "" : before;
  setenv("HADAL_MODEL", "", 1);
  const auto found = engine::EmbeddedModel();
  EXPECT_TRUE(!found.ok() || !found->empty());
  if (before == nullptr)
    unsetenv("HADAL_MODEL");
  else
    setenv("HADAL_MODEL", kept.c_str(), 1);
}

// Tokens are counted in K and M everywhere.
TEST(Usage, TokensTakeUnits) {
  const Outcome run = Call({"run", "-m", testing::EmbeddedFolder(), "-p", "a", "--max-tokens",
                            "0.001K", "--prompt-tokens", "1K", "--chunk", "1K", "--json"});
  EXPECT_EQ(run.code, 0) << run.errors;
  const Outcome measured = Call({"eval", "perplexity", "-m", testing::EmbeddedFolder(), "-f",
                                 testing::SourceFile("LICENSE"), "--context", "1K", "--json"});
  EXPECT_EQ(measured.code, 0) << measured.errors;
  EXPECT_NE(measured.out.find("\"context\": 1024"), std::string::npos) << measured.out;
}

// What belongs to the program may stand behind its commands, as in a service's file of flags.
TEST(Usage, TheProgramsFlagsMayFollowTheCommand) {
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"tokenize", "-m", testing::EmbeddedFolder(), "-p", "a",
                                 "--verbose"},
        {"tokenize", "-v", "-m", testing::EmbeddedFolder(), "-p", "a"},
        {"-vv", "tokenize", "-m", testing::EmbeddedFolder(), "-p", "a"}}) {
    const Outcome outcome = Call(call);
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
  }
  const Outcome wrong = Call({"tokenize", "-p", "a", "--no-such"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.errors.find("--no-such"), std::string::npos) << wrong.errors;
  EXPECT_NE(Call({"serve", "--help"}).out.find("--verbose"), std::string::npos);
}

// docs/serve.md has every flag of `hadal serve`.
TEST(Usage, TheServersFlagsAreInItsDocument) {
  std::ifstream file(testing::SourceFile("docs/serve.md"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  ASSERT_FALSE(text.empty());
  const std::string help = Call({"serve", "--help"}).out;
  const std::regex flag("--[a-z][a-z-]+");
  for (std::sregex_iterator at(help.begin(), help.end(), flag); at != std::sregex_iterator(); ++at)
    EXPECT_TRUE(text.find(at->str() + "`") != text.npos || text.find(at->str() + " ") != text.npos)
        << at->str();
}

struct NumberFlag {
  std::vector<std::string> command;  // complete but for the flag
  std::string flag;
  bool zero = false;  // 0 means something
};

// Each fails before any work is done: nothing of what the commands name exists.
TEST(Usage, EveryNumberIsChecked) {
  const std::vector<std::string> run = {"run", "-p", "a"};
  const std::vector<std::string> perplexity = {"eval", "perplexity", "-f", "none"};
  const std::vector<std::string> tokenizer = {"tokenizer", "train", "--out", "none", "none"};
  const NumberFlag flags[] = {{run, "--max-tokens", true},
                              {run, "--temperature", true},
                              {run, "--top-p"},
                              {run, "--top-k", true},
                              {run, "--min-p", true},
                              {run, "--repetition-penalty"},
                              {run, "--stop-id", true},
                              {run, "--min-tokens", true},
                              {run, "--seed", true},
                              {run, "--logit-bias"},
                              {run, "--logprobs", true},
                              {run, "--prompt-tokens"},
                              {run, "--chunk"},
                              {run, "--ram"},
                              {run, "--threads"},
                              {perplexity, "--context"},
                              {perplexity, "--ram"},
                              {perplexity, "--threads"},
                              {{"eval", "golden", "none"}, "--threads"},
                              {{"bench"}, "--prefill"},
                              {{"bench"}, "--prefill-depth", true},
                              {{"bench"}, "--prefix"},
                              {{"bench"}, "--prefix-random"},
                              {{"bench"}, "--depth", true},
                              {{"bench"}, "--threads"},
                              {{"bench"}, "--batch"},
                              {{"bench"}, "--repeat"},
                              {{"bench"}, "--chunk"},
                              {{"bench"}, "--ram"},
                              {{"doctor"}, "--threads"},
                              {{"serve"}, "--ctx"},
                              {{"serve"}, "--parallel"},
                              {{"serve"}, "--threads"},
                              {{"serve"}, "--ram"},
                              {{"serve"}, "--chunk"},
                              {{"serve"}, "--max-tokens"},
                              {{"serve"}, "--reasoning-budget", true},
                              {{"serve"}, "--cache-ram", true},
                              {{"serve"}, "--cache-disk"},
                              {{"serve"}, "--port", true},
                              {{"serve"}, "--queue", true},
                              {{"serve"}, "--per-key", true},
                              {{"serve"}, "--max-body"},
                              {{"serve"}, "--max-connections"},
                              {{"serve"}, "--drain", true},
                              {{"synth", "none"}, "--layers"},
                              {{"synth", "none"}, "--experts"},
                              {{"synth", "none"}, "--vocab"},
                              {{"synth", "none"}, "--seed", true},
                              {{"synth", "none"}, "--threads"},
                              {tokenizer, "--vocab-size"},
                              {tokenizer, "--min-count"}};
  for (const NumberFlag& number : flags) {
    for (const char* value :
         {"0", "-1", "99999999999999999999", "1e+30", "nan", "inf", "many", ""}) {
      if (number.zero && value == std::string("0")) continue;
      std::vector<std::string> arguments = number.command;
      arguments.insert(arguments.end(), {number.flag, value});
      const Outcome outcome = Call(arguments);
      const std::string where = number.command[0] + " " + number.flag + " '" + value + "'";
      EXPECT_EQ(outcome.code, 2) << where;
      EXPECT_EQ(outcome.out, "") << where;
      EXPECT_EQ(outcome.errors.find(number.flag + ": "), 0u) << where << ": " << outcome.errors;
      const std::string shown = value == std::string("99999999999999999999") ? "" : value;
      EXPECT_NE(outcome.errors.find(shown), std::string::npos) << where << ": " << outcome.errors;
    }
  }
}

// What a snapshot says is not said again, and not silently overruled either.
TEST(Usage, ResumingTakesNothingOfTheBeginning) {
  const std::vector<std::vector<std::string>> flags = {{"-p", "a"},
                                                       {"-f", "a"},
                                                       {"--temperature", "0"},
                                                       {"--top-p", "1"},
                                                       {"--top-k", "1"},
                                                       {"--min-p", "0"},
                                                       {"--seed", "1"},
                                                       {"--prompt-tokens", "1"},
                                                       {"--no-bos"},
                                                       {"--special"},
                                                       {"--repetition-penalty", "2"},
                                                       {"--logit-bias", "1=2"}};
  for (const std::vector<std::string>& flag : flags) {
    std::vector<std::string> arguments = {"run", "--resume", "none"};
    arguments.insert(arguments.end(), flag.begin(), flag.end());
    const Outcome outcome = Call(arguments);
    EXPECT_EQ(outcome.code, 2) << flag[0];
    EXPECT_NE(outcome.errors.find("excludes"), std::string::npos) << outcome.errors;
  }
}

TEST(Usage, AnUnknownCommandIsNamed) {
  EXPECT_NE(Call({"rum"}).errors.find("rum"), std::string::npos);
  EXPECT_EQ(Call({"rum"}).code, 2);
  EXPECT_EQ(Call({"eval", "goldne"}).code, 2);
}

TEST(Usage, WithoutACommandTheHelpIsShown) {
  EXPECT_EQ(Call({}).code, 2);
  EXPECT_NE(Call({}).errors.find("tokenize"), std::string::npos);
  EXPECT_EQ(Call({"eval"}).code, 2);
  EXPECT_NE(Call({"eval"}).errors.find("perplexity"), std::string::npos);
}

TEST(Usage, OutputThatCannotBeWrittenIsAFailure) {
  const auto measure = [] {
    if (std::freopen("/dev/full", "w", stdout) == nullptr) std::exit(9);
    const char* argv[] = {"hadal", "doctor", "--quick", "--no-disk", "--threads", "1", nullptr};
    std::exit(Main(6, const_cast<char**>(argv)));
  };
  EXPECT_EXIT(measure(), ::testing::ExitedWithCode(1), "hadal: the output cannot be written");
}

TEST(Usage, HelpIsNoFailure) { EXPECT_EQ(Call({"run", "--help"}).code, 0); }

}  // namespace
}  // namespace hadal::cli
