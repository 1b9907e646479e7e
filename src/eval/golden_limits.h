// How large an error may be when the engine is compared with a golden case.
//
// Quantisation turns a rounding difference d into about sqrt(d * step) within a few layers, so what
// a correct engine shows depends on the model: three classes of case have limits of their own, and
// the noise that a case's maker measured (case.json) widens them. Without quantisation nothing of
// the kind happens, and the limits are tight.
// Source: golden README, section 9 (self-consistency, noise and tolerances).
#pragma once
#include <optional>
#include <string_view>

#include "base/json.h"
#include "eval/golden_stats.h"

namespace hadal::eval {

struct GoldenTraits {
  bool quantised_weights = false;  // FP8 or FP4 tensors in the checkpoint
  bool long_prompt = false;        // above 1024 tokens
};

// What the engine rounds, as far as limits care.
enum class EngineRounding { kNone, kStored, kQuantised, kBf16 };

// Of per-position errors. None: not a pair that has a limit ("f32" against anything but itself).
std::optional<Spread> ErrorLimit(EngineRounding engine, std::string_view variant,
                                 const GoldenTraits& traits, const Json& report);
// Of one layer fed with the expected streams.
std::optional<Spread> LayerLimit(EngineRounding engine, std::string_view variant,
                                 const GoldenTraits& traits);

struct ShareLimits {
  double top_one, indexer_entries, expert_sets;  // at least
};
ShareLimits SharesWithVariant(std::string_view variant, const GoldenTraits& traits);

double OwnDecodeLimit(const GoldenTraits& traits);  // own prefill against own decode, unrounded

}  // namespace hadal::eval
