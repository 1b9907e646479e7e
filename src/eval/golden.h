// Runs the engine over a golden case and says how close it comes.
//
// The engine runs in each numeric variant that the case has expectations for (arch/numerics.h),
// and in its default numerics, "stored". Every run is compared with every variant it can be held
// against; then the engine is compared with itself: prefill with decode, and a prompt in odd chunks
// with the whole.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/threads.h"
#include "eval/golden_stats.h"

namespace hadal::eval {

struct GoldenFigure {
  std::string engine = {};   // the engine's numerics: f32, f32q, bf16, stored; or "official"
  std::string against = {};  // the variant it is compared with, or "itself"
  std::string what = {};     // "logits", "experts", ...
  // Either an error per position, or one number.
  std::optional<Spread> error = {}, error_limit = {};  // error <= limit in all three
  std::optional<double> value = {}, value_limit = {};
  bool at_least = false;  // value >= limit, not <=
  bool detail = false;    // part of a figure above it; shown when asked for
  bool pass = true;       // a figure without a limit passes
};

struct GoldenReport {
  std::string name, directory;
  bool pass = true;
  double seconds = 0;
  std::vector<GoldenFigure> figures = {};
  std::vector<std::string> notes = {};  // what of the checkpoint and the case was passed over
  std::string error = {};               // why there are no figures
};

// kNotFound, kCorrupt, kInvalid: the case cannot be read. A case that reads but is out of tolerance
// is a report whose pass is false.
Result<GoldenReport> RunGolden(const std::string& directory, Threads& threads);

// A failed report of a case that cannot be read.
GoldenReport UnreadCase(const std::string& directory, const Error& error);

// The case directories that `directory` is or holds (one level down), sorted; kNotFound if none.
Result<std::vector<std::string>> FindGoldenCases(const std::string& directory);

Json ToJson(const GoldenReport& report);

}  // namespace hadal::eval
