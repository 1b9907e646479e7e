// What `hadal bench` measures, and its forms: text, Markdown, CSV, JSON, SVG.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cost/streamed.h"
#include "machine/measure.h"

namespace hadal::measure {

// Of a model whose experts stay on disk, while a figure was measured.
struct ExpertTraffic {
  double read_bytes_per_token = 0;
  // Of the experts that layers wanted: in memory; being read already, for a guess was right.
  double held = 0, coming = 0;
  double hits = 0;                    // kept from earlier tokens: not read for this one
  cost::ByRouting missed_bytes = {};  // of the others, a token
  double guessed_right = 0;           // of the guesses
  double disk_bytes_per_s = 0;        // while at least one read was under way
  double disk_busy = 0, waiting = 0;  // of the time: the disk read; computing waited for it
  double bound_tokens_per_s = 0;      // measure/disk_bound.h; 0: the disk's rate is not known
};

struct PrefillFigure {
  std::uint64_t tokens = 0, depth = 0;  // so many after so many others
  std::size_t threads = 0;
  machine::Samples tokens_per_s;
  double flops_per_token = 0;  // of matrix products, attention and index scores
  double share_of_peak = 0;    // time at the measured peaks of the instructions used / time
  double times_first = 1;      // tokens/s over those at the first depth, sampled in turns
  std::optional<ExpertTraffic> experts = {};
  double flops_per_s() const { return flops_per_token * tokens_per_s.median; }
};

// A prompt until its first logits, read from its beginning and gone on from its kept state.
struct PrefixFigure {
  std::uint64_t tokens = 0;
  std::size_t threads = 0;
  double read_seconds = 0;             // once; 0: a random state, which was not read
  machine::Samples kept_seconds = {};  // finding and forking the state, and reading the last token
  std::uint64_t state_bytes = 0;       // that are kept
  // The same state from a folder of segments (cache/disk_prefixes.h); no bytes: not measured.
  std::uint64_t disk_bytes = 0;
  double written_seconds = 0;          // once, flushed to disk
  machine::Samples disk_seconds = {};  // with the last token; no memory has the files
  // Where no windows and tails were kept (window_bytes of a state), they would come from reading so
  // many tokens in front of the state's end again. No tokens: there are none, or the prompt is
  // shorter, or was not read.
  std::uint64_t window_bytes = 0, again_tokens = 0;
  machine::Samples again_seconds = {};
  bool was_read() const { return read_seconds > 0; }
  double gain() const { return read_seconds / kept_seconds.median; }  // 0 if it was not read
};

struct DecodeFigure {
  std::uint64_t depth = 0;
  std::size_t threads = 0, batch = 0;
  machine::Samples tokens_per_s;      // of all sequences together
  machine::Samples read_bytes_per_s;  // what the memory gave around each sample
  double bytes_per_token =
      0;  // read from memory, by the cost model; experts that a batch shares once
  double flops_per_token = 0;
  double share_of_bandwidth = 0;  // the median of the samples' own
  double times_first = 1;  // tokens/s over those of the first depth and batch, sampled in turns
  std::uint64_t state_bytes = 0, rss_bytes = 0;  // of all sequences; of the process
  std::optional<ExpertTraffic> experts = {};
  double bytes_per_s() const { return bytes_per_token * tokens_per_s.median; }
  double flops_per_s() const { return flops_per_token * tokens_per_s.median; }
};

struct ComponentCost {  // of decoding one token at a depth
  std::uint64_t depth = 0;
  std::string component, key;
  std::uint64_t bytes = 0, flops = 0;
};

struct MemoryPart {
  std::string name, key;
  std::uint64_t bytes = 0;
};

struct BenchReport {
  std::string model;
  std::string routing;  // how its experts are chosen (arch/synthetic.h)
  bool random_fill = true;
  std::uint64_t chunk_tokens = 0;
  std::size_t repeat = 0;
  double open_seconds = 0, first_token_seconds = 0;
  machine::MachineReport machine;
  std::vector<PrefillFigure> prefill;
  std::vector<PrefixFigure> prefix;
  std::vector<DecodeFigure> decode;
  std::vector<ComponentCost> costs;
  std::uint64_t memory_depth = 0;  // of the memory figures
  std::size_t memory_batch = 0;
  std::uint64_t held_experts = 0, experts = 0;  // of those on disk, in memory at most
  std::vector<MemoryPart> memory;               // by component, then rss, rss_own, rss_peak
  std::vector<std::string> notes;               // what was left out, and why
};

enum class BenchForm { kText, kMarkdown, kCsv };
std::string BenchText(const BenchReport& report, BenchForm form);
Json BenchJson(const BenchReport& report);
// Decode speed and state bytes over depth, one line for each number of threads and batch.
std::string BenchSvg(const BenchReport& report);

}  // namespace hadal::measure
