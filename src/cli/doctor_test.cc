#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/call_test.h"

namespace hadal::cli {
namespace {

TEST(Doctor, PrintsOneJsonObject) {
  const Outcome done = Call({"doctor", "--quick", "--threads", "1", "--no-disk", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  ASSERT_EQ(json.Find("read")->AsArray()->size(), 1u);
  EXPECT_EQ(*(*json.Find("read")->AsArray())[0].Find("threads")->AsInt(), 1);
  EXPECT_TRUE(json.Find("disk")->is_null());
}

TEST(Doctor, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Call({"doctor", "--no-disk", "--disk", "/tmp"}).code, 2);
  const Outcome done = Call({"doctor", "--quick", "--threads", "1", "--disk", "/no/such/folder"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.errors.find("hadal: /no/such/folder"), 0u) << done.errors;
}

}  // namespace
}  // namespace hadal::cli
