#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hadal::train {
namespace {

double LearningRate(const TrainConfig& config, std::size_t step) {
  const auto& lr = config.lr;
  const std::size_t decay_start = lr.decay_start.Step(config.steps);
  double rate = lr.peak;
  if (step >= decay_start) {
    const auto decay_steps = static_cast<double>(config.steps - decay_start);
    const double share = static_cast<double>(step + 1 - decay_start) / decay_steps;
    rate =
        lr.end + 0.5 * (lr.peak - lr.end) * (1 + std::cos(std::numbers::pi * std::min(share, 1.0)));
  }
  if (step < lr.warmup_steps)
    rate *= static_cast<double>(step + 1) / static_cast<double>(lr.warmup_steps);
  return rate;
}

}  // namespace

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kDense:
      return "dense";
    case Stage::kWarmup:
      return "warmup";
    case Stage::kSparse:
      return "sparse";
  }
  return "?";
}

StepPlan PlanStep(const TrainConfig& config, std::size_t step) {
  const auto reached = [&](const Moment& moment) { return step >= moment.Step(config.steps); };
  StepPlan plan;
  plan.lr = LearningRate(config, step);
  plan.mtp_weight = reached(config.lr.decay_start) ? config.loss.mtp_decay : config.loss.mtp;
  if (reached(config.stages.sparse))
    plan.stage = Stage::kSparse;
  else if (reached(config.stages.warmup))
    plan.stage = Stage::kWarmup;
  plan.indexer_only = plan.stage == Stage::kWarmup && config.stages.warmup_freezes_model;
  plan.indexer_sees_all = config.loss.indexer_entries == "visible";
  plan.quantize_experts = reached(config.quantize.experts);
  plan.quantize_linears = reached(config.quantize.linears);
  plan.quantize_kv = reached(config.quantize.kv);
  plan.quantize_indexer = reached(config.quantize.indexer);
  return plan;
}

}  // namespace hadal::train
