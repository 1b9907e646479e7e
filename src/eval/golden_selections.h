// Comparison of what a run chose, experts and compressed entries, with what a golden case expects.
#pragma once
#include "eval/golden_run.h"

namespace hadal::eval {

struct SelectionFigures {
  std::size_t rows = 0;               // of (layer, position) with an expectation and a real choice
  std::size_t same = 0;               // equal as sets, or too close to call (margin below 1e-6)
  double entries_in_common = 1;       // share of expected elements that were chosen
  std::vector<double> weight_errors;  // experts: per row with the same set, ||w - w'|| / ||w'||
  double same_share() const {
    return rows == 0 ? 1 : static_cast<double>(same) / static_cast<double>(rows);
  }
};

// Prefill and decode together. Layers routed by table count too.
SelectionFigures CompareExperts(const arch::Config& config, const GoldenCase& golden,
                                const GoldenVariant& want, const GoldenRun& got);
// Rows in which some visible entry is left out.
SelectionFigures CompareEntries(const arch::Config& config, const GoldenCase& golden,
                                const GoldenVariant& want, const GoldenRun& got);

}  // namespace hadal::eval
