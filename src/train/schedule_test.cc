#include "train/schedule.h"

#include <gtest/gtest.h>

namespace hadal::train {
namespace {

TrainConfig Config() {
  TrainConfig config;
  config.steps = 100;
  config.lr.peak = 1;
  config.lr.end = 0.1;
  config.lr.warmup_steps = 10;
  config.lr.decay_start = Moment::AtFraction(0.6);
  config.stages.warmup = Moment::AtStep(30);
  config.stages.sparse = Moment::AtStep(40);
  config.quantize.kv = Moment::AtStep(50);
  config.quantize.experts = Moment::Never();
  return config;
}

TEST(Schedule, TheRateRisesStaysAndFalls) {
  const TrainConfig config = Config();
  EXPECT_DOUBLE_EQ(PlanStep(config, 0).lr, 0.1);
  EXPECT_DOUBLE_EQ(PlanStep(config, 4).lr, 0.5);
  EXPECT_DOUBLE_EQ(PlanStep(config, 9).lr, 1);
  EXPECT_DOUBLE_EQ(PlanStep(config, 59).lr, 1);
  EXPECT_DOUBLE_EQ(PlanStep(config, 79).lr, 0.55);  // half way down
  EXPECT_DOUBLE_EQ(PlanStep(config, 99).lr, 0.1);
  for (std::size_t step = 60; step < 99; ++step)
    EXPECT_GT(PlanStep(config, step).lr, PlanStep(config, step + 1).lr);
}

TEST(Schedule, WithoutWarmupOrDecayTheRateIsThePeak) {
  TrainConfig config = Config();
  config.lr.warmup_steps = 0;
  config.lr.decay_start = Moment::Never();
  EXPECT_DOUBLE_EQ(PlanStep(config, 0).lr, 1);
  EXPECT_DOUBLE_EQ(PlanStep(config, 99).lr, 1);
}

TEST(Schedule, StagesAndSwitchesBeginAtTheirStep) {
  TrainConfig config = Config();
  EXPECT_EQ(PlanStep(config, 29).stage, Stage::kDense);
  EXPECT_EQ(PlanStep(config, 30).stage, Stage::kWarmup);
  EXPECT_TRUE(PlanStep(config, 30).indexer_only);
  EXPECT_EQ(PlanStep(config, 40).stage, Stage::kSparse);
  EXPECT_FALSE(PlanStep(config, 40).indexer_only);
  EXPECT_FALSE(PlanStep(config, 49).quantize_kv);
  EXPECT_TRUE(PlanStep(config, 50).quantize_kv);
  EXPECT_FALSE(PlanStep(config, 99).quantize_experts);
  EXPECT_DOUBLE_EQ(PlanStep(config, 59).mtp_weight, 0.3);
  EXPECT_DOUBLE_EQ(PlanStep(config, 60).mtp_weight, 0.1);
  config.stages.warmup_freezes_model = false;
  EXPECT_FALSE(PlanStep(config, 30).indexer_only);
  EXPECT_FALSE(PlanStep(config, 50).indexer_sees_all);
  config.loss.indexer_entries = "visible";
  EXPECT_TRUE(PlanStep(config, 50).indexer_sees_all);
}

}  // namespace
}  // namespace hadal::train
