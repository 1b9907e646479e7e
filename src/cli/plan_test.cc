// `hadal plan` from its arguments to its exit code.
#include "cli/plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

struct Ran {
  int code = 0;
  std::string out, error;
};

Ran Plan(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"hadal", "plan"});
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ran ran;
  ran.code = Main(static_cast<int>(argv.size()), argv.data());
  ran.out = ::testing::internal::GetCapturedStdout();
  ran.error = ::testing::internal::GetCapturedStderr();
  return ran;
}

// A quick look at every subcommand in every form.
TEST(PlanCommand, TextJsonAndCsv) {
  const std::vector<std::vector<std::string>> commands = {
      {"show", "embedded"},
      {"claims"},
      {"compare", "v3.2", "v4-flash", "--context", "4K..16K"},
      {"fit", "v4-flash", "--machine", "server-256gb"},
      {"fleet", "v4-flash", "--against", "v3.2", "--machine", "8x-h100", "--users", "10",
       "--concurrency", "2", "--contexts", "4K:1", "--output-tokens", "10", "--prompt-tokens",
       "10"},
      {"machines"}};
  for (std::vector<std::string> command : commands) {
    SCOPED_TRACE(command[0]);
    const Ran text = Plan(command);
    EXPECT_EQ(text.code, 0) << text.error;
    EXPECT_NE(text.out, "");
    EXPECT_EQ(text.error, "");
    command.emplace_back("--json");
    const Ran json = Plan(command);
    EXPECT_EQ(json.code, 0);
    EXPECT_TRUE(ParseJson(json.out).ok());
    command.back() = "--csv";
    const Ran csv = Plan(command);
    EXPECT_EQ(csv.code, 0);
    EXPECT_NE(csv.out.find("\r\n"), std::string::npos);
  }
}

TEST(PlanCommand, OneKindOfUnitsInAnOutput) {
  const std::vector<std::string> command = {"fit", "v4-flash", "--machine", "server-256gb"};
  EXPECT_EQ(Plan(command).out.find("iB "), std::string::npos);
  std::vector<std::string> binary = command;
  binary.emplace_back("--gib");
  const std::string out = Plan(binary).out;
  EXPECT_NE(out.find("148.6 GiB"), std::string::npos) << out;
  for (const char* unit : {" kB ", " MB ", " GB  ", " TB "})
    EXPECT_EQ(out.find(unit), std::string::npos) << unit;
}

TEST(PlanCommand, MemoryOfTheMachineCanBeGiven) {
  const Ran ran =
      Plan({"fit", "v4-flash", "--machine", "desktop-64gb", "--ram", "192GiB", "--json"});
  ASSERT_EQ(ran.code, 0) << ran.error;
  const Json json = *ParseJson(ran.out);
  EXPECT_EQ(*json.Find("machine")->Find("ram_bytes")->AsInt(), 192ll << 30);
  EXPECT_EQ(*json.Find("fit")->AsArray()->at(0).Find("fits")->AsString(), "yes");
  EXPECT_NE(ran.out.find("main memory by --ram"), std::string::npos);
}

struct Bad {
  std::vector<std::string> arguments;
  int code;
  const char* says;
};

TEST(PlanCommand, ErrorsAreOneLine) {
  const testing::TempFolder folder;
  const std::string config = folder.path() + "/config.json";
  ASSERT_TRUE(io::WriteFile(config, R"({"model_type": "mamba"})").ok());
  const Bad cases[] = {
      {{"show", "v5"}, 1, "hadal: model: found 'v5', expected one of v4-flash, "},
      {{"show", config}, 1, ": config.json: model_type: found \"mamba\", expected one of "},
      {{"show", "v4-flash", "--context", "0"}, 2, "--context: found 0, expected 1 or more"},
      {{"show", "v4-flash", "--context", "1.5"}, 2, "--context: '1.5' is not a size"},
      {{"show", "v4-flash", "--kv", "fp2"}, 2, "--kv: found 'fp2', expected one of "},
      {{"compare", "v4-flash", "--flops", "x"}, 2, "--flops: found 'x', expected one of "},
      {{"fit", "--machine", "abacus"}, 1, "hadal: --machine: found 'abacus', expected one of this"},
      {{"fit", "--machine", "server-256gb", "--catalogue", config}, 1, config.c_str()},
      {{"fit", "--machine", "server-256gb", "--sequences", "0"}, 2, "--sequences"},
      {{"show", "embedded", "--html", "/nonexistent/plan.html"}, 1, "hadal: "},
      {{"fit"}, 2, "--machine is required"},
      {{}, 2, "A subcommand is required"},
      {{"frob"}, 2, "not expected: frob"},
      {{"show", "v4-flash", "--context", "96GiB"}, 2, "--context: found 96GiB, expected tokens"},
      {{"show", "v4-flash", "--context", "2G"}, 2, "found 2G, expected at most 1,073,741,824"},
      {{"compare", "v3.2", "v4-flash", "--context", "4K.."}, 2, "found 4K.., expected FROM..TO"},
      {{"fit", "--machine", "server-256gb", "--usd-per-hour", "nan"}, 2, "found nan, expected"},
      {{"fit", "--machine", "server-256gb", "--usd-per-kwh", "-1"}, 2, "found -1, expected"},
      {{"fit", "--machine", "server-256gb", "--years", "3"}, 2, "--years requires --usd-per-kwh"},
      {{"fit", "--machine", "server-256gb", "--usd-per-kwh", "3"}, 2, "requires --years"},
      {{"fit", "--machine", "server-256gb", "--years", "3", "--usd-per-kwh", "1", "--usd-per-hour",
        "1"},
       2,
       "--usd-per-hour excludes --"},
      {{"fit", "--machine", "server-256gb", "--years", "3", "--usd-per-kwh", "0.3"},
       1,
       "--years: server-256gb has no usd in the catalogue, expected usd and watts"},
      {{"fit", "--machine", "server-256gb", "--ram", "8GiB"}, 1, "--ram: found 8.59 GB, expected"},
      {{"fit", "--machine", "server-256gb", "--ram", "lots"}, 2, "--ram: 'lots' is not a size"},
      {{"fit", "--machine", "server-256gb", "--context", "1G", "--sequences", "1000"},
       2,
       "--sequences: found 1,000 of 1,073,741,824 tokens, expected at most"},
      {{"fit", "--machine", "server-256gb", "--rates", "/nonexistent"}, 1, "/nonexistent"},
      {{"fit", "--machine", "server-256gb", "--expert-guesses", "101"}, 2, "found 101, expected"},
      {{"fit", "v4-flash", "--machine", "server-256gb", "--experts-profile", "/nonexistent"},
       1,
       "/nonexistent"},
      {{"fit", "--machine", "server-256gb", "--experts-profile", "p.json"},
       1,
       "--experts-profile: found 5 models, expected the one it is of"},
      {{"fit", "--machine", "server-256gb", "--experts-profile", "p", "--expert-hits", "3"},
       2,
       "excludes"},
      {{"fleet", "v4-flash", "--machine", "server-256gb", "--users", "0", "--concurrency", "1",
        "--contexts", "8K:1", "--output-tokens", "1", "--prompt-tokens", "1"},
       2,
       "--users: found 0, expected 1 to"},
      {{"claims", "--json", "--csv"}, 2, "--json excludes --csv"},
  };
  for (const Bad& bad : cases) {
    const Ran ran = Plan(bad.arguments);
    EXPECT_EQ(ran.code, bad.code) << bad.says;
    EXPECT_NE(ran.error.find(bad.says), std::string::npos) << ran.error;
    EXPECT_EQ(ran.out, "");
    if (ran.code == 1) {
      EXPECT_EQ(std::count(ran.error.begin(), ran.error.end(), '\n'), 1) << ran.error;
    }
  }
}

TEST(PlanCommand, APageReplacesAPageAlone) {
  const testing::TempFolder folder;
  const std::string path = folder.File("plan.html");
  ASSERT_TRUE(io::WriteFile(path, "a book").ok());
  const std::vector<std::string> command = {"show", "embedded", "--html", path};
  const Ran refused = Plan(command);
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.error, "hadal: " + path +
                               ": found a file that is not a page that hadal wrote, expected "
                               "nothing or a page that hadal wrote; --force replaces it\n");
  EXPECT_EQ(*io::ReadFile(path), "a book");
  std::vector<std::string> forced = command;
  forced.emplace_back("--force");
  if (Plan(forced).code != 0) GTEST_SKIP() << "built without the chart library";
  EXPECT_EQ(Plan(command).code, 0);  // its own
}

}  // namespace
}  // namespace hadal::cli
