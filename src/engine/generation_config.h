// generation_config.json, where the publisher of a model says how it is meant to be sampled and
// which tokens end a text. It may be absent, and so may each of its keys.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/sampler.h"

namespace hadal::engine {

struct GenerationConfig {
  // temperature, top_p, top_k, min_p and repetition_penalty; do_sample false: temperature 0.
  SampleOptions sample;
  std::vector<std::int32_t> eos_ids;
  // "num_beams 4": what is given, could change a text, and is not implemented.
  std::vector<std::string> passed_over;
};

// kInvalid, kCorrupt: names the key, what was found and what was expected.
Result<GenerationConfig> ParseGenerationConfig(std::string_view text, std::size_t vocab_size);
Result<GenerationConfig> ReadGenerationConfig(const std::string& directory, std::size_t vocab_size);

}  // namespace hadal::engine
