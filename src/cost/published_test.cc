// The cost model against published figures and against the tables of docs/plan.md.
#include <gtest/gtest.h>

#include <cmath>

#include "arch/inventory.h"
#include "arch/shapes.h"
#include "cost/accounting.h"
#include "cost/cost_model.h"
#include "cost/describe.h"
#include "cost/presets.h"

namespace hadal::cost {
namespace {

constexpr std::uint64_t kMillion = 1'000'000, kBinaryMillion = 1'048'576;

double Billions(std::uint64_t n) { return static_cast<double>(n) / 1e9; }

TEST(Published, FlashCheckpointIsExact) {
  EXPECT_EQ(WeightBytes(DescribePreset("v4-flash")), 159'609'485'896u);
}

TEST(Published, ProCheckpoint) {
  EXPECT_EQ(WeightBytes(DescribePreset("v4-pro")), 864'704'792'696u);
}

struct ParameterCase {
  const char* preset;
  double total, active, with_embedding, mtp;
};

TEST(Published, Parameters) {
  constexpr ParameterCase kCases[] = {{"v4-flash", 284.332, 13.270, 13.800, 6.610},
                                      {"v4-pro", 1572.997, 48.852, 49.779, 25.840},
                                      {"v3.2", 671.878, 37.477, 38.404, 0}};
  for (const ParameterCase& c : kCases) {
    SCOPED_TRACE(c.preset);
    const Parameters found = ParametersOf(DescribePreset(c.preset));
    EXPECT_NEAR(Billions(found.total), c.total, 0.0005);
    EXPECT_NEAR(Billions(found.active), c.active, 0.0005);
    EXPECT_NEAR(Billions(found.active_with_embedding), c.with_embedding, 0.0005);
    EXPECT_NEAR(Billions(found.mtp), c.mtp, 0.0005);
  }
}

// Of what the engine runs, the plan's list of weights is the engine's own list of tensors.
TEST(Published, WeightsAreTheEnginesTensorsToTheByte) {
  for (const arch::Config& shape : {arch::FlashShape(), arch::ProShape(), arch::V32Shape()})
    for (const bool mtp : {true, false}) {
      const arch::Config config = arch::ChangeShape(shape, {.mtp = mtp}).value();
      std::uint64_t bytes = 0;
      for (const arch::TensorSpec& spec : arch::TensorsOf(config))
        bytes +=
            StoredBytes(spec.format, spec.shape.size() == 2 ? spec.shape[0] : 1, spec.shape.back());
      EXPECT_EQ(WeightBytes(*Describe(arch::ConfigToJson(config, true), "")), bytes)
          << arch::ModelType(config.architecture) << " of " << config.num_hidden_layers << " layers"
          << (mtp ? " and MTP" : "");
    }
}

// V3.2 without its indexer is V3: 671.026B, 36.626B active.
TEST(Published, V3ParametersWithoutTheIndexer) {
  const CostModel model = DescribePreset("v3.2");
  std::uint64_t indexer = 0;
  for (const WeightGroup& group : model.weights)
    if (group.component == Component::kIndexer) indexer += group.parameters;
  const Parameters all = ParametersOf(model);
  EXPECT_NEAR(Billions(all.total - indexer), 671.026, 0.0005);
  EXPECT_NEAR(Billions(all.active - indexer), 36.626, 0.0005);
}

struct KvCase {
  KvFormat format;
  std::uint64_t v32, pro, flash;
};

// By hand, for 1,048,576 tokens: layers x bytes x entries, window included.
TEST(Published, KvCacheToTheByte) {
  constexpr std::uint64_t n = kBinaryMillion, n4 = n / 4, n128 = n / 128;
  const auto v4 = [&](std::uint64_t layers, std::uint64_t csa, std::uint64_t hca,
                      std::uint64_t entry, std::uint64_t key) {
    return csa * n4 * (entry + key) + hca * n128 * entry + layers * 128 * entry;
  };
  const auto row = [&](KvFormat format, std::uint64_t old_entry, std::uint64_t old_key,
                       std::uint64_t entry, std::uint64_t key) {
    return KvCase{format, 61 * n * (old_entry + old_key), v4(61, 30, 31, entry, key),
                  v4(43, 21, 20, entry, key)};
  };
  const KvCase cases[] = {row(KvFormat::kPublished, 656, 132, 584, 68),
                          row(KvFormat::kPayload, 640, 128, 576, 64),
                          row(KvFormat::kFp8Indexer, 656, 132, 584, 132),
                          row(KvFormat::kUnpadded, 656, 132, 583, 68),
                          row(KvFormat::kBf16, 1152, 256, 1024, 256),
                          row(KvFormat::kBf16Main, 1152, 132, 1024, 68)};
  const CostModel v32 = DescribePreset("v3.2"), pro = DescribePreset("v4-pro"),
                  flash = DescribePreset("v4-flash");
  for (const KvCase& c : cases) {
    SCOPED_TRACE(KvFormatName(c.format));
    EXPECT_EQ(KvBytes(v32, n, c.format), c.v32);
    EXPECT_EQ(KvBytes(pro, n, c.format), c.pro);
    EXPECT_EQ(KvBytes(flash, n, c.format), c.flash);
  }
  EXPECT_EQ(KvBytes(v32, n), 50'402'951'168u);
  EXPECT_EQ(KvBytes(pro, n), 5'280'404'480u);
  EXPECT_EQ(KvBytes(flash, n), 3'688'172'544u);
}

TEST(Published, KvGrowthAndFixedState) {
  EXPECT_DOUBLE_EQ(KvBytesPerToken(DescribePreset("v4-pro")), 30 * 652 / 4.0 + 31 * 584 / 128.0);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(DescribePreset("v4-flash")), 21 * 652 / 4.0 + 20 * 584 / 128.0);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(DescribePreset("v3.2")), 48'068);
  EXPECT_DOUBLE_EQ(KvBytesPerToken(DescribePreset("gqa8")), 61 * 4096);
  EXPECT_NEAR(static_cast<double>(DescribePreset("v4-pro").tail_bytes), 18.71e6, 0.005e6);
  EXPECT_NEAR(static_cast<double>(DescribePreset("v4-flash").tail_bytes), 12.21e6, 0.005e6);
}

TEST(Published, KvAgainstGroupedQueriesOfTheSameDepth) {
  const double gqa = 4096.0 * kBinaryMillion;
  EXPECT_NEAR(static_cast<double>(KvBytes(DescribePreset("v4-pro"), kBinaryMillion)) / (61 * gqa),
              0.02015, 5e-6);
  EXPECT_NEAR(static_cast<double>(KvBytes(DescribePreset("v4-flash"), kBinaryMillion)) / (43 * gqa),
              0.01997, 5e-6);
}

struct FlopCase {
  const char* accounting;
  double v32, pro, flash;  // TFLOPs a token at 1,000,000
};

TEST(Published, FlopAccountings) {
  constexpr FlopCase kCases[] = {{"raw", 1.1092, 0.2942, 0.1352},
                                 {"attention", 1.1440, 0.3063, 0.1148},
                                 {"fp8-equivalent", 1.1461, 0.3102, 0.1166},
                                 {"bf16-outputs", 1.1481, 0.3184, 0.1195},
                                 {"fp32-compressors", 1.1481, 0.3215, 0.1207},
                                 {"fast-fp4", 1.1461, 0.2941, 0.1123},
                                 {"fp8-indexer", 1.1461, 0.3717, 0.1596},
                                 {"fp8-core", 1.1092, 0.2327, 0.0922}};
  const MacsByWork v32 = DecodeMacs(DescribePreset("v3.2"), kMillion),
                   pro = DecodeMacs(DescribePreset("v4-pro"), kMillion),
                   flash = DecodeMacs(DescribePreset("v4-flash"), kMillion);
  ASSERT_EQ(std::size(kCases), FlopAccountings().size());
  for (const FlopCase& c : kCases) {
    SCOPED_TRACE(c.accounting);
    const FlopAccounting& accounting = **FindFlopAccounting(c.accounting);
    EXPECT_NEAR(Flops(v32, accounting) / 1e12, c.v32, 5.1e-5);
    EXPECT_NEAR(Flops(pro, accounting) / 1e12, c.pro, 5.1e-5);
    EXPECT_NEAR(Flops(flash, accounting) / 1e12, c.flash, 5.1e-5);
  }
}

struct CurvePoint {
  std::uint64_t tokens;
  double v32, pro, flash, kv_pro, kv_flash;  // TFLOPs, GB
};

TEST(Published, CurveOverContext) {
  constexpr CurvePoint kPoints[] = {{4096, 0.1508, 0.1226, 0.0330, 0.0252, 0.0176},
                                    {16384, 0.1630, 0.1249, 0.0340, 0.0870, 0.0608},
                                    {65536, 0.2122, 0.1342, 0.0381, 0.3343, 0.2335},
                                    {131072, 0.2777, 0.1465, 0.0436, 0.6640, 0.4638},
                                    {262144, 0.4087, 0.1712, 0.0546, 1.3235, 0.9245},
                                    {524288, 0.6707, 0.2206, 0.0767, 2.6425, 1.8457},
                                    {kMillion, 1.1461, 0.3102, 0.1166, 5.0360, 3.5175},
                                    {kBinaryMillion, 1.1946, 0.3194, 0.1207, 5.2804, 3.6882}};
  const CostModel v32 = DescribePreset("v3.2"), pro = DescribePreset("v4-pro"),
                  flash = DescribePreset("v4-flash");
  const FlopAccounting& accounting = **FindFlopAccounting("fp8-equivalent");
  const auto tera = [&](const CostModel& model, std::uint64_t n) {
    return Flops(DecodeMacs(model, n), accounting) / 1e12;
  };
  for (const CurvePoint& p : kPoints) {
    SCOPED_TRACE(p.tokens);
    EXPECT_NEAR(tera(v32, p.tokens), p.v32, 5.1e-5);
    EXPECT_NEAR(tera(pro, p.tokens), p.pro, 5.1e-5);
    EXPECT_NEAR(tera(flash, p.tokens), p.flash, 5.1e-5);
    EXPECT_NEAR(Billions(KvBytes(pro, p.tokens)), p.kv_pro, 5.1e-5);
    EXPECT_NEAR(Billions(KvBytes(flash, p.tokens)), p.kv_flash, 5.1e-5);
  }
}

// GB of weights that one token alone passes through.
TEST(Published, WeightTraffic) {
  EXPECT_NEAR(Billions(ActiveWeightBytes(DescribePreset("v4-flash"))), 11.2, 0.1);
  EXPECT_NEAR(Billions(ActiveWeightBytes(DescribePreset("v4-pro"))), 39.6, 0.1);
  EXPECT_NEAR(Billions(ActiveExpertBytes(DescribePreset("v4-flash"))), 3.45, 0.005);
  EXPECT_NEAR(Billions(ActiveExpertBytes(DescribePreset("v4-pro"))), 12.8, 0.05);
}

}  // namespace
}  // namespace hadal::cost
