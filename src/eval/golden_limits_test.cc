#include "eval/golden_limits.h"

#include <gtest/gtest.h>

namespace hadal::eval {
namespace {

TEST(GoldenLimits, AnUnknownVariantHasNone) {
  GoldenTraits traits;
  for (const auto architecture : {arch::Architecture::kV4, arch::Architecture::kV32}) {
    traits.architecture = architecture;
    EXPECT_TRUE(ErrorLimit(EngineRounding::kBf16, "bf16", traits, Json()));
    EXPECT_DEATH(ErrorLimit(EngineRounding::kBf16, "bf61", traits, Json()), "kGoldenVariants");
    EXPECT_DEATH(LayerLimit(EngineRounding::kBf16, "f32qq", traits), "kGoldenVariants");
    EXPECT_DEATH(SharesWithVariant("", traits), "kGoldenVariants");
  }
}

}  // namespace
}  // namespace hadal::eval
