#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "cli/commands.h"

namespace hadal::cli {
namespace {

Work Parse(std::vector<std::string> arguments) {
  CLI::App app;
  Work work;
  AddDoctor(app, &work);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError&) {
    return {};
  }
  return work;
}

TEST(Doctor, PrintsOneJsonObject) {
  const Work work = Parse({"doctor", "--quick", "--threads", "1", "--no-disk", "--json"});
  ASSERT_TRUE(work);
  ::testing::internal::CaptureStdout();
  const Status done = work();
  const Json json = ParseJson(::testing::internal::GetCapturedStdout()).value();
  ASSERT_TRUE(done.ok()) << done.error().what;
  ASSERT_EQ(json.Find("read")->AsArray()->size(), 1u);
  EXPECT_EQ(*(*json.Find("read")->AsArray())[0].Find("threads")->AsInt(), 1);
  EXPECT_TRUE(json.Find("disk")->is_null());
}

TEST(Doctor, RefusesWhatMakesNoSense) {
  EXPECT_FALSE(Parse({"doctor", "--threads", "0"}));
  EXPECT_FALSE(Parse({"doctor", "--threads", "two"}));
  EXPECT_FALSE(Parse({"doctor", "--no-disk", "--disk", "/tmp"}));
  const Work work = Parse({"doctor", "--quick", "--threads", "1", "--disk", "/no/such/folder"});
  ASSERT_TRUE(work);
  const Status done = work();
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().what.find("/no/such/folder"), 0u) << done.error().what;
}

}  // namespace
}  // namespace hadal::cli
