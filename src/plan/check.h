// Predictions against measurements: what `hadal bench --json` measured for a model, beside what
// plan/predict.h gives for the machine figures that the same run measured.
//
// The bound is the roofline of the machine's limits. The prediction is either
//
//   by kernels  their measured rates, at every depth; nothing of the bench is used
//   by share    (no rates given) the bound times the share that was reached at the first depth of
//               the same batch; so it tests how speed changes with depth and not its level, which
//               the share says
//
// Prefill of whole prompts has a bound, and a prediction where the kernels' rates with many rows
// are known. Of a bench whose experts came from disk (`--ram`) the disk's rate and the share of
// experts in memory are the bench's; how often they are hit is assumed, and shown beside what was
// measured.
#pragma once
#include <optional>

#include "plan/engine_rates.h"
#include "plan/predict.h"
#include "plan/report.h"

namespace hadal::plan {

struct CheckAssumptions {
  std::optional<double> expert_hits = {};  // as Load's
  std::string hits_from = {};              // who says so: "from profile.json"
  double expert_guesses = 0;
};

// JSON: "machine", "model", "decode_share" (the smallest share of one sequence, for a catalogue),
// "decode": [{"depth", "batch", "measured", "bound", "share", "predicted", "difference"}],
// "prefill": [{"tokens", ..}]. Only
// figures of all threads are compared. kInvalid: names the key of the bench report; also where it
// is one of another model, or the rates are of another number of threads.
Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name,
                                 const std::optional<EngineRates>& rates = {},
                                 const CheckAssumptions& assumed = {});

}  // namespace hadal::plan
