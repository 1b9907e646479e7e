// How many machines a demand needs, and what that says about memory: for one model, and for another
// beside it. Every assumption is a line of the output.
//
// A copy of the weights lies on as few machines as hold it and one sequence of the longest context
// wanted. Copies are added until they hold all sequences of the peak and keep up with its tokens:
//
//   sequences a copy holds = floor((memory of its machines - weights - scratch) / mean state)
//   load                   = decoded/s / (sequences * rate of each)
//                            + prompt/s / (min(copies, sequences) * prefill rate) <= 1
//
// with `sequences` those under way at the peak, and the rates of plan/predict.h at the mean context
// and the sequences that then fall on each copy. A demand that is not met with one sequence a copy
// is met by no number of copies: it needs more sequences under way.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "plan/fit.h"

namespace hadal::plan {

struct ContextShare {
  std::uint64_t tokens = 0;
  double share = 0;  // of all sequences
};
// "8K:0.6,64K:0.3,1M:0.1"; shares must sum to 1. kInvalid names the flag.
Result<std::vector<ContextShare>> ContextSharesFlag(const std::string& flag,
                                                    const std::string& text);

struct Demand {
  double users = 0;
  double concurrency = 0;                                   // sequences under way at the peak
  double output_tokens_a_day = 0, prompt_tokens_a_day = 0;  // of one user
  double peak = 1;                                          // of the day's mean demand
  std::vector<ContextShare> contexts;
  double context_growth = 1;  // what if contexts were this many times as long
};
// Positive, finite, in range: kInvalid names the flag.
Status CheckDemand(const Demand& demand);

struct FleetSize {
  std::uint64_t machines_a_copy = 0;  // 0: no number of machines up to 1,024 holds it
  std::uint64_t copies = 0, machines = 0;
  std::uint64_t sequences_a_copy = 0;
  double mean_state_bytes = 0;
  double weight_bytes = 0, state_bytes = 0, scratch_bytes = 0;  // in all
  double disk_bytes = 0;                                        // every user's context kept
  double decode_tokens_per_s = 0, tokens_per_s_each = 0;
  double busy = 0, busy_with_prompts = 0;  // shares of the time at the peak; busy: all of it
  std::string limited_by;                  // "memory", "speed"; or why there is none
};
FleetSize SizeFleet(const PlannedModel& model, const FitQuestion& question, const Demand& demand);

// JSON: "machine", "demand", "models"; "fleet" and "what_if" (demand grown): a row for each figure;
// "sensitivity": over context length, all sequences alike.
Report Fleet(const PlannedModel& model, const std::optional<PlannedModel>& against,
             const FitQuestion& question, const Demand& demand);

}  // namespace hadal::plan
