// One run of the engine held against one variant of a golden case: the figures.
#pragma once
#include "eval/golden.h"
#include "eval/golden_limits.h"
#include "eval/golden_run.h"

namespace hadal::eval {

// Fills in pass from the limits.
GoldenFigure Judged(GoldenFigure figure);

struct GoldenContext {
  const arch::Config& config;
  const GoldenCase& golden;
  GoldenTraits traits;
};

// Everything that both sides have: logits, MTP logits, hidden states, experts, compressed entries.
// `engine` is the numerics' name, `variant` the name of an expectation of the case.
void CompareRun(const GoldenContext& context, const std::string& engine, const GoldenRun& run,
                const std::string& variant, std::vector<GoldenFigure>* out);

// How far the default numerics are from the f32 expectation, next to how far the official rounding
// (the bf16 expectation) is: divergence and top-1 agreement. Needs both expectations.
void CompareFidelity(const GoldenContext& context, const GoldenRun& stored,
                     std::vector<GoldenFigure>* out);

EngineRounding RoundingOf(std::string_view engine);

}  // namespace hadal::eval
