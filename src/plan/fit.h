// What fits on a machine and how fast it runs: memory to the byte, speed as a roofline
// (plan/predict.h).
#pragma once
#include <vector>

#include "plan/expert_profile.h"
#include "plan/options.h"
#include "plan/predict.h"

namespace hadal::plan {

struct FitQuestion {
  Machine machine;
  Load load;
  Prices prices;
  // Hits go by it, at the share of experts that memory holds, in place of Load's; of one model.
  std::optional<ExpertProfile> profile = {};
  ByteUnits units = ByteUnits::kDecimal;
};

// JSON: "machine", "load", "models"; "fit": a row for each model; "figures": each number with its
// basis and what dominates it; "by_batch", "by_context", "by_experts_in_memory": the decode speed
// over each.
Report Fit(const std::vector<PlannedModel>& models, const FitQuestion& question);

// The machines of a catalogue, or one, as a table.
Report ListMachines(const std::vector<Machine>& machines, ByteUnits units);

// "estimated (nominal rates)"
std::string SpeedBasis(const Machine& machine);
// What the predictions take for granted, a line each.
std::vector<std::string> PredictionNotes(const Machine& machine, const Load& load);
std::vector<std::string> PriceNotes(const FitQuestion& question);  // what is missing for one

}  // namespace hadal::plan
