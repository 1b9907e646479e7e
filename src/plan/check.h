// Predictions against measurements: what `hadal bench --json` measured for a model, beside what
// plan/predict.h gives for the machine figures that the same run measured.
//
// The bound is the roofline itself. The prediction is the bound times one share, the one that the engine
// reached at the first depth with the same threads and batch; so it tests how speed changes with depth and
// not its level, which the share says.
#pragma once
#include "plan/predict.h"
#include "plan/report.h"

namespace hadal::plan {

// JSON: "machine", "model", "decode": [{"depth", "batch", "measured", "bound", "share", "predicted",
// "difference"}]. Only figures of all threads are compared. kInvalid: names the key of the bench report.
Result<Report> CheckAgainstBench(const PlannedModel& model, const Json& bench,
                                 const std::string& name);

}  // namespace hadal::plan
