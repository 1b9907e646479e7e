#include "cost/streamed.h"

#include <gtest/gtest.h>

#include "cost/presets.h"

namespace hadal::cost {
namespace {

// Three of Flash's 43 layers route by the token's id, and all layers have experts of one size.
TEST(Streamed, FlashKnowsTheExpertsOfThreeLayersAhead) {
  const CostModel flash = DescribePreset("v4-flash");
  const ByRouting experts = ExpertBytesByRouting(flash, 1);
  EXPECT_NEAR(experts.sum(), static_cast<double>(ActiveExpertBytes(flash)), 1);
  EXPECT_NEAR(experts.by_token / experts.sum(), 3.0 / 43, 1e-9);
  EXPECT_EQ(experts.outside, 0);
  const ByRouting v32 = ExpertBytesByRouting(DescribePreset("v3.2"), 1);
  EXPECT_EQ(v32.by_token, 0);
  EXPECT_GT(v32.by_score, 0);
}

TEST(Streamed, PartsAddUpToThePass) {
  for (const char* name : {"v4-flash", "v4-pro", "v3.2", "gqa8", "embedded"}) {
    const CostModel model = DescribePreset(name);
    for (const double rows : {1.0, 8.0, 500.0}) {
      const double whole = PassBytes(model, 100'000, rows);
      EXPECT_NEAR(PassBytesByRouting(model, 100'000, rows).sum(), whole, 1e-9 * whole) << name;
    }
  }
}

// Flash's first layers have windows alone, then CSA and HCA: what they keep is counted by layer.
TEST(Streamed, EntriesAreThoseOfTheirLayers) {
  const CostModel flash = DescribePreset("v4-flash");
  std::uint64_t all = 0, by_token = 0;
  for (const KvGroup& group : flash.kv) {
    if (group.key == "window") {
      EXPECT_EQ(group.by_token, 3u);
    } else if (!group.mtp() && group.key != "index_keys") {
      all += group.layers;
      by_token += group.by_token;
    }
  }
  EXPECT_EQ(all, 41u);  // two have windows alone
  EXPECT_EQ(by_token, 1u);
}

TEST(Streamed, TheLargerWhereReadsAreKnownAheadTheSumElsewhere) {
  const ByRouting disk{5, 7, 0}, rest{3, 2, 4};
  EXPECT_EQ(HiddenSeconds(disk, rest), 3);
  EXPECT_EQ(HiddenSeconds(rest, disk), 3);
  EXPECT_EQ(HiddenSeconds(disk, rest, 1), 3 + 2);
  EXPECT_EQ(HiddenSeconds(disk, rest, 0.1), 3 + 0.7);
}

}  // namespace
}  // namespace hadal::cost
