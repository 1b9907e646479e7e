// How often experts are hit, from what a run learnt of their use (docs/formats/expert_profile.md).
#pragma once
#include <string>
#include <vector>

#include "base/result.h"
#include "cost/cost_model.h"

namespace hadal::plan {

struct ExpertProfile {
  std::vector<double> uses;  // of all layers' experts, the most used first
  // Of the choices, the share that falls on the most used experts, so many of all (0 to 1): the
  // hits of a memory that holds those, and more than one that has to learn them gets.
  double HitsOf(double kept) const;
};

// Of a checkpoint with as many experts as the model; which one it was nobody can say here.
// kNotFound, kCorrupt; kInvalid: another number of experts, or none was ever used.
Result<ExpertProfile> ReadProfile(const std::string& path, const cost::CostModel& model);

}  // namespace hadal::plan
