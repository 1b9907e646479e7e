// Usage: what is wrong with it is exit code 2, before any work is done.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/call_test.h"

namespace hadal::cli {
namespace {

TEST(Usage, ValuesOutOfRangeAreNamed) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"run", "-p", "a", "--top-k", "-3"}, "--top-k: found '-3'"},
      {{"run", "-p", "a", "--max-tokens", "-1"}, "--max-tokens: found '-1'"},
      {{"run", "-p", "a", "--seed", "1x"}, "--seed: found '1x'"},
      {{"run", "-p", "a", "--threads", "0"}, "expected a whole number from 1 to 1024"},
      {{"run", "-p", "a", "--threads", "1025"}, "found '1025'"},
      {{"run", "-p", "a", "--threads", ""}, "found ''"},
      {{"run", "-p", "a", "--temperature", "nan"}, "temperature nan is not in [0, 100]"},
      {{"run", "-p", "a", "--top-p", "0"}, "top-p 0 is not in (0, 1]"},
      {{"run", "-p", "a", "--min-p", "2"}, "min-p 2 is not in [0, 1]"},
      {{"run", "-p", "a", "--stop", ""}, "--stop: found an empty text"},
      {{"eval", "perplexity", "-f", "x", "--context", "1"}, "found '1'"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = Call(arguments);
    EXPECT_EQ(outcome.code, 2) << message;
    EXPECT_NE(outcome.errors.find(message), std::string::npos) << outcome.errors;
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

TEST(Usage, HelpIsNoFailure) { EXPECT_EQ(Call({"run", "--help"}).code, 0); }

}  // namespace
}  // namespace hadal::cli
