#include <gtest/gtest.h>

#include <cstdlib>

#include "base/json.h"
#include "cli/call_test.h"

namespace hadal::cli {
namespace {

TEST(Run, SaysWhatItTook) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  const std::string model = std::string(source == nullptr ? "." : source) + "/models/embedded";
  const Outcome done = Call({"run", "-m", model, "-p", "Once upon a time", "--max-tokens", "3",
                             "--seed", "5", "--threads", "2", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  const Json* stats = json.Find("stats");
  ASSERT_NE(stats, nullptr);
  EXPECT_EQ(*stats->Find("seed")->AsInt(), 5);
  EXPECT_EQ(*stats->Find("threads")->AsInt(), 2);
  EXPECT_EQ(*stats->Find("read_tokens")->AsInt(), *stats->Find("prompt_tokens")->AsInt());
  for (const char* key : {"prefill_seconds", "decode_seconds", "prefill_tokens_per_s",
                          "decode_tokens_per_s", "rss_peak_bytes"})
    EXPECT_GT(*stats->Find(key)->AsNumber(), 0) << key;
}

}  // namespace
}  // namespace hadal::cli
