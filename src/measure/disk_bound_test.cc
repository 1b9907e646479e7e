#include "measure/disk_bound.h"

#include <gtest/gtest.h>

#include "cost/presets.h"

namespace hadal::measure {
namespace {

// Flash's parts by hand: with experts that are all known ahead and more memory than disk time only
// memory counts; of the other layers both do.
TEST(DiskBound, OfDecodingIsTheLargerWhereReadsAreKnownAheadAndTheSumElsewhere) {
  const cost::CostModel flash = cost::DescribePreset("v4-flash");
  const double memory = cost::PassBytes(flash, 1, 1) / 1e10;
  const auto seconds = [&](const cost::ByRouting& missed) {
    return 1 / DecodeBound(flash, {.missed_bytes = missed}, 1e10, 1e9);
  };
  EXPECT_NEAR(seconds({}), memory, 1e-9);
  EXPECT_NEAR(seconds({.by_token = 1e6}), memory, 1e-9);
  EXPECT_NEAR(seconds({.by_score = 1e6}), memory + 1e-3, 1e-9);
  // Far more than the three layers' memory time, which alone is hidden.
  const double hidden = cost::PassBytesByRouting(flash, 1, 1).by_token / 1e10;
  EXPECT_NEAR(seconds({.by_token = 1e10}), memory + 10 - hidden, 1e-9);
}

TEST(DiskBound, ABatchIsOneStep) {
  const cost::CostModel flash = cost::DescribePreset("v4-flash");
  const double one = DecodeBound(flash, {.batch = 1}, 1e10, 1e9);
  const double eight = DecodeBound(flash, {.batch = 8}, 1e10, 1e9);
  EXPECT_NEAR(8 / eight, cost::PassBytes(flash, 1, 8) / 1e10, 1e-9);
  EXPECT_GT(eight, one);
}

TEST(DiskBound, OfPromptsIsTheLargerOfReadingOnceAChunkAndComputing) {
  const PromptRead prompt{
      .tokens = 4096, .chunk_tokens = 2048, .missed_bytes = 3e9, .peak_seconds = 5};
  EXPECT_NEAR(PrefillBound(prompt, 1e9), 4096.0 / 6, 1e-9);
  EXPECT_NEAR(PrefillBound(prompt, 2e9), 4096.0 / 5, 1e-9);
  PromptRead odd = prompt;
  odd.chunk_tokens = 2047;  // a third chunk, of two tokens
  EXPECT_NEAR(PrefillBound(odd, 1e9), 4096.0 / 9, 1e-9);
}

}  // namespace
}  // namespace hadal::measure
