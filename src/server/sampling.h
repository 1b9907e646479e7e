// How tokens are drawn and when a text ends, as clients of OpenAI's APIs say it, with what vLLM and
// llama.cpp added.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/request.h"
#include "server/fields.h"
#include "server/served_model.h"

namespace hadal::server {

inline constexpr std::size_t kMostStops = 16, kMostChoices = 16, kMostTopLogprobs = 20;
inline constexpr std::size_t kMostTokens = std::size_t{1} << 40;  // that may be asked for

struct Sampling {
  engine::SampleOptions sample;
  engine::StopOptions stop;
  std::size_t choices = 1;
  bool return_token_ids = false;
};

// All but max_tokens and logprobs, which APIs name differently. A seed that is not given is random.
// Errors go to `body`.
Sampling ReadSampling(Fields* body, const ServedModel& model);

// The largest number of tokens that may come behind the prompt. kInvalid asks (clamp false) for
// more than there is room for, or has none at all: 400, context_length_exceeded.
ApiResult<std::size_t> RoomFor(const ServedModel& model, std::size_t prompt_tokens,
                               std::optional<std::size_t> max_tokens, bool clamp);

std::uint64_t RandomSeed();

}  // namespace hadal::server
