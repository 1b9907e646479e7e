// What `hadal bench --json` measured, as far as predictions are compared with it.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::plan {

struct MeasuredDecode {
  std::size_t depth = 0, threads = 0, batch = 0;
  double tokens_per_s = 0;
  std::optional<double> bytes_per_token, read_bytes_per_s;
  std::optional<double> hits;  // of experts; none: the model was mapped
};

struct MeasuredPrefill {
  std::size_t tokens = 0;
  double tokens_per_s = 0;
};

struct MeasuredBench {
  std::vector<MeasuredDecode> decode;         // of the most threads alone; at least one
  std::vector<MeasuredPrefill> prefill;       // likewise, of whole prompts; may be empty
  std::size_t chunk_tokens = 0;               // of a pass of prefill; 0: not said
  std::size_t experts = 0, held_experts = 0;  // 0 experts: the model was mapped
  std::string routing;                        // how its experts were chosen; empty: not said
  double kept() const {                       // the share of the experts that were in memory
    return experts == 0 ? 1 : static_cast<double>(held_experts) / static_cast<double>(experts);
  }
};

// kInvalid: "<name>: decode: <key>: found ..., expected ...".
Result<MeasuredBench> ReadBench(const Json& bench, const std::string& name);

}  // namespace hadal::plan
