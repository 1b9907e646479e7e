#include "plan/fleet.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hadal::plan {
namespace {

FitQuestion Question(std::uint64_t ram_bytes, double bytes_per_s) {
  FitQuestion q;
  q.machine.name = "test";
  q.machine.cores = 2;
  q.machine.ram_bytes = ram_bytes;
  q.machine.dram_bytes_per_s = bytes_per_s;
  q.machine.f32_flops = q.machine.bf16_flops = q.machine.int16_ops = q.machine.int8_ops = 1e30;
  return q;
}

Demand Someone() {
  return {.users = 1000,
          .concurrency = 100,
          .output_tokens_a_day = 1,
          .prompt_tokens_a_day = 0,
          .contexts = {{1 << 20, 0.5}, {1 << 17, 0.5}}};
}

TEST(Fleet, MemoryDecidesWhenSpeedIsFree) {
  const PlannedModel flash = *FindModel("v4-flash");
  const FitQuestion q = Question(200'000'000'000, 1e30);
  const FleetSize size = SizeFleet(flash, q, Someone());
  const auto format = cost::KvFormat::kPublished;
  const double mean = (static_cast<double>(flash.StateBytes(1 << 20, format)) +
                       static_cast<double>(flash.StateBytes(1 << 17, format))) /
                      2;
  const double room = 200e9 - static_cast<double>(cost::WeightBytes(flash.cost)) -
                      static_cast<double>(flash.ScratchBytes(512, 2));
  EXPECT_DOUBLE_EQ(size.mean_state_bytes, mean);
  EXPECT_EQ(size.machines_a_copy, 1u);
  EXPECT_EQ(size.copies, static_cast<std::uint64_t>(std::ceil(100 / std::floor(room / mean))));
  EXPECT_EQ(size.limited_by, "memory");
  EXPECT_DOUBLE_EQ(size.state_bytes, 100 * mean);
  EXPECT_DOUBLE_EQ(size.disk_bytes, 1000 * mean);
}

TEST(Fleet, SpeedDecidesWhenTokensAreWanted) {
  const PlannedModel flash = *FindModel("v4-flash");
  const FitQuestion q = Question(2'000'000'000'000, 1e11);
  Demand demand = Someone();
  demand.output_tokens_a_day = 4e4;
  const FleetSize size = SizeFleet(flash, q, demand);
  EXPECT_EQ(size.limited_by, "speed");
  EXPECT_LE(size.busy, 1);
  EXPECT_GT(size.busy, 0.8);  // a copy less: a sequence more on some, all slower
  EXPECT_GE(size.decode_tokens_per_s, 1000 * 4e4 / 86400);
  EXPECT_DOUBLE_EQ(size.decode_tokens_per_s, 100 * size.tokens_per_s_each);
}

// A sequence is on one copy at a time: more copies than sequences do not make it faster.
TEST(Fleet, NoNumberOfCopiesDecodesMoreThanTheSequencesUnderWay) {
  const PlannedModel flash = *FindModel("v4-flash");
  const FitQuestion q = Question(2'000'000'000'000, 1e11);
  Demand demand = Someone();
  demand.concurrency = 1;
  demand.output_tokens_a_day = 1e5;
  demand.prompt_tokens_a_day = 1000;
  FleetSize size = SizeFleet(flash, q, demand);
  EXPECT_EQ(size.machines, 0u);
  const std::string needs = "needs at least ";
  ASSERT_EQ(size.limited_by.find(needs), 0u) << size.limited_by;
  demand.concurrency = std::stod(size.limited_by.substr(needs.size()));
  EXPECT_GT(demand.concurrency, 10);
  size = SizeFleet(flash, q, demand);
  EXPECT_GT(size.machines, 0u);
  EXPECT_LE(size.copies, demand.concurrency);
  --demand.concurrency;
  EXPECT_EQ(SizeFleet(flash, q, demand).machines, 0u);
}

TEST(Fleet, AModelThatOneMachineCannotHoldTakesSeveral) {
  const PlannedModel pro = *FindModel("v4-pro");
  EXPECT_EQ(SizeFleet(pro, Question(300'000'000'000, 1e30), Someone()).machines_a_copy, 3u);
  EXPECT_EQ(SizeFleet(pro, Question(100'000'000, 1e30), Someone()).machines_a_copy, 0u);
}

TEST(Fleet, ADemandThatNoFleetMeets) {
  const PlannedModel flash = *FindModel("v4-flash");
  Demand demand = Someone();
  demand.users = 1e10;
  demand.output_tokens_a_day = 1e9;
  demand.concurrency = 1e10;
  const FleetSize never = SizeFleet(flash, Question(2'000'000'000'000, 1e11), demand);
  EXPECT_EQ(never.machines, 0u);
  EXPECT_EQ(never.limited_by.find("needs at least "), 0u) << never.limited_by;
  demand.output_tokens_a_day = 1e4;
  const FleetSize size = SizeFleet(flash, Question(2'000'000'000'000, 1e11), demand);
  EXPECT_EQ(size.machines, 0u);
  EXPECT_EQ(size.limited_by, "more than 10,000,000 copies");
  demand.output_tokens_a_day = 0;
  EXPECT_EQ(SizeFleet(flash, Question(163'600'000'000, 1e11), demand).machines, 0u);
}

TEST(Fleet, GrowthOfContextsGrowsStateAndNotWeights) {
  const PlannedModel flash = *FindModel("v4-flash"), old = *FindModel("v3.2");
  const FitQuestion q = Question(1'000'000'000'000, 1e30);
  Demand demand = Someone();
  demand.contexts = {{16384, 1}};
  demand.context_growth = 8;
  const Json json = ReportJson(Fleet(flash, old, q, demand));
  const auto figure = [&](const char* section, const std::string& name, const char* column) {
    for (const Json& row : *json.Find(section)->AsArray())
      if (*row.Find("figure")->AsString() == name) return *row.Find(column)->AsNumber();
    return -1.0;
  };
  const char* const state = "state of all sequences";
  EXPECT_EQ(figure("fleet", state, "against"), 100.0 * 16384 * 48068);
  EXPECT_EQ(figure("what_if", state, "against"), 100.0 * 8 * 16384 * 48068);
  EXPECT_GT(figure("fleet", state, "times"), 8);
  EXPECT_EQ(figure("fleet", "weights in all", "model"),
            figure("what_if", "weights in all", "model"));
  EXPECT_EQ(json.Find("sensitivity")->AsArray()->size(), 10u);
}

TEST(Fleet, ContextShares) {
  const auto shares = ContextSharesFlag("--contexts", "8K:0.6,1M:0.4");
  ASSERT_TRUE(shares.ok());
  EXPECT_EQ((*shares)[1].tokens, 1u << 20);
  EXPECT_EQ((*shares)[0].share, 0.6);
  for (const char* bad : {"", "8K", "8K:", "8K:0.5", "8K:x", "8K:0.5,1M:0.6", "8K:-1,4K:2",
                          "8K:0,4K:1", "8K:nan", ":1", "8K:1,"}) {
    const auto found = ContextSharesFlag("--contexts", bad);
    ASSERT_FALSE(found.ok()) << bad;
    EXPECT_EQ(found.error().what.find("--contexts: "), 0u) << found.error().what;
  }
}

TEST(Fleet, ImpossibleDemandsNameTheFlag) {
  Demand demand = Someone();
  EXPECT_TRUE(CheckDemand(demand).ok());
  demand.concurrency = 1001;
  EXPECT_EQ(CheckDemand(demand).error().what, "--concurrency: found 1001, expected 1 to 1000");
  demand = Someone();
  demand.peak = std::nan("");
  EXPECT_FALSE(CheckDemand(demand).ok());
  demand = Someone();
  demand.concurrency = 1.5;
  EXPECT_EQ(CheckDemand(demand).error().what, "--concurrency: found 1.5, expected a whole number");
  demand = Someone();
  demand.context_growth = 1000;
  demand.contexts = {{1 << 21, 1}};
  EXPECT_EQ(
      CheckDemand(demand).error().what,
      "--context-growth: found 1000, which makes 2,097,152,000 tokens of 2,097,152, expected 1 "
      "to 1,073,741,824");
  demand = Someone();
  demand.users = 0;
  EXPECT_FALSE(CheckDemand(demand).ok());
}

}  // namespace
}  // namespace hadal::plan
