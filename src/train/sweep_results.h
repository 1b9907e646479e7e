// The CSVs of a sweep. All begin with the columns group,variant,peak,seed.
//
//   runs.csv    chosen (1: the variant's best peak), parameters, tokens, heldout_nats (a token),
//               heldout_bits (a byte), diverged_at (step; empty: it did not)
//   curves.csv  step, tokens, loss (mean of the steps since the last line), heldout_nats; one line
//               an evaluation
//   probes.csv  step, name, value (probes.h); of all runs
//   speed.csv   processor_seconds of a step, median; it alone depends on more than the plan
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "train/sweep_plan.h"

namespace hadal::train {

struct FinishedRun {
  SweepRun run;
  std::string directory;
  std::int64_t parameters = 0;
  std::size_t step_tokens = 0;  // of one step
  std::size_t diverged_at = 0;  // step; 0: it did not
  double heldout_nats = 0;      // at the end; infinite if it diverged
  double heldout_bits = 0;
};

// The peak of the lowest held-out loss among a variant's runs with the first seed; none until all
// of them are done.
std::optional<double> ChosenPeak(const SweepPlan& plan, const std::vector<FinishedRun>& runs,
                                 std::size_t variant);

// Of a run in config.out whose outcome is known.
Result<FinishedRun> ReadFinished(const SweepRun& run, const TrainConfig& config,
                                 std::int64_t parameters, std::size_t diverged_at);

Status WriteResults(const SweepPlan& plan, const std::vector<FinishedRun>& runs,
                    const std::string& folder);

}  // namespace hadal::train
