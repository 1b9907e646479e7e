// Predictions against measurements: what `hadal bench --json` measured for a model, beside what
// plan/predict.h gives for the machine figures that the same run measured.
//
// The bound is the roofline of the machine's limits. The prediction is either
//
//   by kernels  their measured rates, at every depth; nothing of the bench is used
//   by share    (no rates given) the bound times the share that was reached at the first depth of
//               the same batch; so it tests how speed changes with depth and not its level, which
//               the share says
#pragma once
#include <optional>

#include "plan/engine_rates.h"
#include "plan/predict.h"
#include "plan/report.h"

namespace hadal::plan {

// JSON: "machine", "model", "decode_share" (the smallest share of one sequence, for a catalogue),
// "decode": [{"depth", "batch", "measured", "bound", "share", "predicted", "difference"}]. Only
// figures of all threads are compared. kInvalid: names the key of the bench report; also where it
// is one of another model, or the rates are of another number of threads.
Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name,
                                 const std::optional<EngineRates>& rates = {});

}  // namespace hadal::plan
