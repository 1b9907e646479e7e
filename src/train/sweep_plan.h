// A sweep: one training config, variants of it, a grid of learning rates, and seeds. Read from
// FOLDER/sweep.toml:
//
//   train = "train.toml"            the config that all runs begin with
//   out = "../../data/runs/NAME"    where runs and results go
//   peaks = [3e-3, 1e-2, 3e-2]      lr.peak of each variant is chosen among these
//   end_share = 0.1                 lr.end as a part of lr.peak
//   seeds = [1, 2, 3]
//   parameters_within = 0.01        how far sizes of a group's variants may be apart
//   quick.steps = 20                settings of train.toml that --quick changes
//   [[variant]]
//   name = "adamw"
//   group = ""                      variants of a group are compared with each other
//   set.optimizer.matrices = "adamw"
//
// Every variant is trained with every peak and the first seed; the peak with the lowest held-out
// loss at the end, then with the other seeds. A variant may not set what decides the order of the
// data, the number of tokens or the grid: data, batch, model.tokenizer, lr.peak, lr.end, seed,
// steps, out.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "train/train_config.h"

namespace hadal::train {

struct SweepVariant {
  std::string group, name;
  Settings set;
};

struct SweepPlan {
  std::string path;  // of sweep.toml
  std::string train, out;
  std::vector<double> peaks;
  std::vector<std::uint64_t> seeds;
  double end_share = 0.1, parameters_within = 0.01;
  Settings quick;
  std::vector<SweepVariant> variants;
};

// kInvalid: "FILE:LINE: key: found ..., expected ..."; kNotFound.
Result<SweepPlan> ReadSweepPlan(const std::string& folder);

// One run of a sweep.
struct SweepRun {
  std::size_t variant = 0;
  double peak = 0;
  std::uint64_t seed = 0;
};
std::string RunName(const SweepPlan& plan, const SweepRun& run);  // a folder's name

// config.out is plan.out/runs/RunName.
Result<TrainConfig> ConfigOf(const SweepPlan& plan, const SweepRun& run, bool quick);

// Trained numbers of each variant. kInvalid: those of a group differ by more than
// parameters_within.
Result<std::vector<std::int64_t>> CountParameters(const SweepPlan& plan);

}  // namespace hadal::train
