#include "arch/synthetic.h"

#include <gtest/gtest.h>

namespace hadal::arch {
namespace {

TEST(Synthetic, ComesBack) {
  Json config = *ParseJson(R"({"model_type": "deepseek_v4"})");
  EXPECT_FALSE(SyntheticOf(config).has_value());
  NoteSynthetic({.seed = 18446744073709551615u, .skew = 0.8}, &config);
  const auto found = SyntheticOf(*ParseJson(config.Dump()));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->seed, 18446744073709551615u);
  EXPECT_EQ(found->skew, 0.8);
  EXPECT_NE(RoutingInWords(SyntheticOf(config)).find("r^-0.8"), std::string::npos)
      << RoutingInWords(SyntheticOf(config));
  NoteSynthetic({.seed = 2}, &config);
  EXPECT_EQ(RoutingInWords(SyntheticOf(config)).find("about even"), 0u)
      << RoutingInWords(SyntheticOf(config));
}

TEST(Synthetic, NotesThatMakeNoSenseAreNone) {
  for (const char* text : {R"({"hadal_synth": 1})", R"({"hadal_synth": {"seed": 1}})",
                           R"({"hadal_synth": {"seed": -1, "skew": 0}})",
                           R"({"hadal_synth": {"seed": 1, "skew": "much"}})"}) {
    EXPECT_FALSE(SyntheticOf(*ParseJson(text)).has_value()) << text;
    EXPECT_EQ(RoutingInWords(SyntheticOf(*ParseJson(text))),
              "as the checkpoint's own routers choose");
  }
}

}  // namespace
}  // namespace hadal::arch
