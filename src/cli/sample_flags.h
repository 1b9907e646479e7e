// The flags that say how tokens are drawn. What is not given is the model's own choice
// (generation_config.json), or neutral.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/command_line.h"
#include "engine/sampler.h"

namespace hadal::cli {

struct SampleFlags {
  std::optional<double> temperature, top_p, min_p;
  std::optional<double> presence_penalty, frequency_penalty, repetition_penalty;
  std::optional<std::size_t> top_k;
  std::optional<std::uint64_t> seed;
  std::vector<std::string> logit_bias;  // "ID=BIAS", checked
};

// Returns the options: a command may have reasons to exclude them.
std::vector<Option> AddSampleFlags(Command command, SampleFlags* flags);

// `model`: the model's own; with the flags over it, and a random seed if none is given.
engine::SampleOptions SampleWith(const SampleFlags& flags, engine::SampleOptions model);

// What was given, as fields of the chat completions API; but for the seed.
Json GivenDraws(const SampleFlags& flags);

}  // namespace hadal::cli
