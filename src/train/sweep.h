// Runs a sweep (sweep_plan.h), one training after the other, and writes its results as CSV.
//
// Files in plan.out:
//   runs/NAME/      each run as trainer.h says; once done, `outcome.toml` and no states
//   results/*.csv   sweep_results.h; written anew after every run
// Stopped at any moment, by a kill too, it goes on where it was and ends with the same results,
// speeds aside.
#pragma once
#include <atomic>
#include <string>

#include "train/sweep_plan.h"

namespace hadal::train {

struct SweepOptions {
  bool quick = false;  // plan.quick, and plan.out/quick
  bool quiet = false;
  std::size_t threads = 0;  // of each run; 0: the config's
};

struct SweepSummary {
  std::size_t runs = 0, planned = 0;
  bool finished = false;  // false: `stop` was set
  std::string results;    // the folder of the CSVs
};

Result<SweepSummary> RunSweep(SweepPlan plan, const SweepOptions& options,
                              const std::atomic<bool>& stop);

}  // namespace hadal::train
