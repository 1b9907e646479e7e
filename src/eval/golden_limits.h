// How large an error may be when the engine is compared with a golden case.
//
// Quantisation turns a rounding difference d into about sqrt(d * step) within a few layers, so what
// a correct engine shows depends on the model: three classes of case have limits of their own, and
// the noise that a case's maker measured (case.json) widens them. Without quantisation nothing of
// the kind happens, and the limits are tight.
// V3.2's cases were chosen so that no rounding lies near a boundary: f32q is nearly as tight as f32
// there, and no limit is widened.
// An unknown variant is a bug of the caller (HADAL_CHECK), never one with bf16's limits.
// Source: golden README of either architecture, section 9 (noise and tolerances).
#pragma once
#include <optional>
#include <string_view>

#include "arch/config.h"
#include "base/json.h"
#include "eval/golden_stats.h"

namespace hadal::eval {

struct GoldenTraits {
  arch::Architecture architecture = arch::Architecture::kV4;
  bool quantised_weights = false;  // FP8 or FP4 tensors in the checkpoint
  bool long_prompt = false;        // above 1024 tokens
  bool exact_scales = false;       // FP8 scales are not powers of two (V3.2 without a scale_fmt)
};

// What the engine rounds, as far as limits care.
enum class EngineRounding { kNone, kStored, kQuantised, kBf16 };

// Of per-position errors. None: not a pair that has a limit ("f32" against anything but itself).
std::optional<Spread> ErrorLimit(EngineRounding engine, std::string_view variant,
                                 const GoldenTraits& traits, const Json& report);
// Of one layer fed with the expected streams.
std::optional<Spread> LayerLimit(EngineRounding engine, std::string_view variant,
                                 const GoldenTraits& traits);

struct ShareLimits {  // at least
  double top_one, indexer_entries, expert_sets;
  std::optional<double> entry_sets = {};  // in place of indexer_entries: whole sets
};
ShareLimits SharesWithVariant(std::string_view variant, const GoldenTraits& traits);

double OwnDecodeLimit(const GoldenTraits& traits);  // own prefill against own decode, unrounded

}  // namespace hadal::eval
