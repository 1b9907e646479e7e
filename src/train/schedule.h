// What a step is trained with, as a pure function of its number.
#pragma once
#include <cstddef>
#include <string_view>

#include "train/train_config.h"

namespace hadal::train {

enum class Stage { kDense, kWarmup, kSparse };
std::string_view StageName(Stage stage);  // "dense", "warmup", "sparse"

struct StepPlan {
  double lr = 0;
  double mtp_weight = 0;
  Stage stage = Stage::kDense;
  bool indexer_only = false;      // the warm-up, with everything else frozen
  bool indexer_sees_all = false;  // its loss is over all visible entries, in every stage
  bool quantize_experts = false, quantize_linears = false;
  bool quantize_kv = false, quantize_indexer = false;
};

// step: 0 <= step < config.steps. The learning rate rises linearly to lr.peak over lr.warmup_steps
// (the first step has 1/warmup_steps of it), stays, and from lr.decay_start falls along half a
// cosine to lr.end, which the last step has.
StepPlan PlanStep(const TrainConfig& config, std::size_t step);

}  // namespace hadal::train
