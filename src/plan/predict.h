// How fast a model runs on a machine, as a roofline: every component's time is that of reading its
// bytes or that of its arithmetic, whichever is longer, and a token passes through the components
// one after another, so the times add up.
//
//   seconds(component) = sum over memories it lies in: max(bytes / bandwidth, flops / rate)
//   seconds            = sum over components / share of the limits that the engine reaches
//                        + seconds of reading from disk - those in which both go on
//
// Where things lie: in the fastest memory that has room, in the order state and scratch, weights
// that every token reads, experts, MTP block. Experts that fit in no memory are read from disk for
// each token that wants them, into main memory, from where they are computed with as the others.
// State and other weights are never on disk.
//
// Reading from disk goes on beside computing in prefill, and in decoding where the experts are
// known ahead: layers that route by the token's id, and as much of the others as Load says is
// guessed (cost/streamed.h). Elsewhere one waits for the other.
//
// Reading in a step of `batch` sequences: the common weights once, each layer's distinct experts
// once (evenly chosen, cost/cost_model.h), every sequence's own entries.
//
// Rates: where a GPU holds a component it computes it; else the processor, with the arithmetic of
// the engine's own kernels (kernels/products.h), and what they do not have at the BF16 rate. On
// GPUs BF16 matrices, compressors and attention over entries run at the BF16 rate, all others at
// the FP8 rate.
//
// Where the rates of the engine's own kernels are known (plan/engine_rates.h), its models in main
// memory go by them, without a share: decoding reads matrices at the bytes a second of their
// format's kernel with one row, prefill multiplies at its operations a second with many; scores and
// attention go at the operations a second of theirs.
//
// Several machines hold consecutive layers: memory adds up, a token's time does not shrink, and as
// many groups of sequences as there are machines are under way at once. Links between machines and
// between GPUs are not counted.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "plan/machine.h"
#include "plan/planned_model.h"

namespace hadal::plan {

struct Load {
  std::uint64_t context = 0;    // tokens of each sequence
  std::uint64_t sequences = 1;  // kept and decoded together
  std::uint64_t machines = 1;   // that share one copy of the weights
  std::uint64_t rows = 512;     // tokens of a prefill step
  cost::KvFormat kv = cost::KvFormat::kPublished;
  // Share of the experts to keep in memory at most; the rest stay on disk.
  double experts_in_memory = 1;
  // Of the experts that tokens choose, how many those in memory are, where others stay on disk;
  // none: as large a share as is kept there, as if all were chosen evenly.
  std::optional<double> expert_hits = {};
  // Of those that are not in memory and that layers choose by scores, how many are being read
  // before they are asked for, because a guess was right.
  double expert_guesses = 0;
};

enum class Memory { kGpu, kRam, kDisk };
inline constexpr std::size_t kMemories = 3;
const char* MemoryName(Memory memory);
using PerMemory = std::array<double, kMemories>;  // bytes

struct Placement {
  std::uint64_t weights = 0, state = 0, scratch = 0;  // wanted, in all
  PerMemory common = {}, experts = {}, kept_state = {}, idle = {};
  std::uint64_t capacity = 0;  // of GPUs and main memory
  std::uint64_t missing = 0;   // bytes that found no place at all
  bool fits() const { return missing == 0; }
  bool streams() const { return experts[std::size_t(Memory::kDisk)] > 0; }
};
Placement PlacementOf(const PlannedModel& model, const Machine& machine, const Load& load);

struct Term {
  std::string name;  // "experts", "attention over entries"
  double bytes = 0, flops = 0, seconds = 0;
  std::string bound;  // "reading RAM", "BF16 arithmetic", ...
};

struct Prediction {
  double seconds = 0;       // of a step, or of the prefill
  double tokens_per_s = 0;  // of all sequences together
  double distinct_experts = 0;
  double disk_bytes = 0;    // read from disk, of all terms
  double disk_seconds = 0;  // that it takes, hidden or not
  std::vector<Term> terms;  // longest first
  std::string dominated_by() const;
};
// One token for each of load.sequences; needs placement.fits().
Prediction PredictDecode(const PlannedModel& model, const Machine& machine, const Load& load,
                         const Placement& placement);
// All of load.context for one sequence.
Prediction PredictPrefill(const PlannedModel& model, const Machine& machine, const Load& load,
                          const Placement& placement);

// The most tokens of context for load.sequences (at most the model's own limit), or 0: with every
// weight in memory, or with experts on disk where there is one.
std::uint64_t LongestContext(const PlannedModel& model, const Machine& machine, Load load,
                             bool experts_on_disk);
// The most sequences of load.context, 0 for none: with every weight in memory, or with experts (and
// the MTP block) on disk where there is one.
std::uint64_t MostSequences(const PlannedModel& model, const Machine& machine, const Load& load,
                            bool experts_on_disk);

// Of the machine: `usd_per_hour`; else its purchase over `years` and power, where both are asked
// for; else the catalogue's rent. None: no price is known.
struct Prices {
  std::optional<double> usd_per_hour, usd_per_kwh;
  double years = 0;  // over which a purchase is written off; 0: not given
};
std::optional<double> UsdPerHour(const Machine& machine, const Prices& prices);

}  // namespace hadal::plan
