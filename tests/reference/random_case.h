// Golden cases of our own: a random checkpoint, a prompt and forced tokens, and what the reference
// gives for them, in the format of the published-format golden data (expected.safetensors,
// trace.safetensors, case.json).
//
// Tokens are redrawn until no expert or entry is chosen by a hair in the f32 variant: there a
// correct engine must choose the same.
#pragma once
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"
#include "reference/random_checkpoint.h"
#include "reference/reference_model.h"

namespace hadal::reference {

struct CaseSpec {
  std::string name = {};
  CheckpointSpec checkpoint = {};
  std::size_t prompt = 1, steps = 0;
  std::vector<std::string> variants = {"f32"};  // of f32, f32q, bf16
};

// The least margin of a choice in the f32 variant, in standard deviations of the scores.
inline constexpr double kLeastMargin = 2e-4;

inline void PrintTo(const CaseSpec& spec, std::ostream* out) { *out << spec.name; }

// Writes into an existing folder.
Status WriteRandomCase(const CaseSpec& spec, const std::string& directory);

// All the case's tokens, with clear margins for this model; kExhausted if none are found.
Result<std::vector<std::int32_t>> DrawTokens(const Model& model, const CaseSpec& spec);

Rounding RoundingOf(const std::string& variant);

}  // namespace hadal::reference
