// How tokens are drawn and when a text ends, as clients of OpenAI's APIs say it, with what vLLM and
// llama.cpp added.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

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

// How long an answer may be.
struct RoomQuery {
  std::size_t prompt_tokens = 0;
  std::optional<std::size_t> wanted = {};  // tokens of the answer; absent: what there is room for
  bool clamp = false;                      // `wanted` is bounded by the room that there is
  std::optional<std::size_t> most = {};    // of any answer of this server
  // The fields that hold the prompt and `wanted`.
  const char *prompt = "messages", *length = "max_tokens";
};
// 400: more is wanted than there is room for (context_length_exceeded) or than answers may have; or
// there is no room at all.
ApiResult<std::size_t> RoomFor(const ServedModel& model, const RoomQuery& query);

// Of a prompt that has so many tokens at the least, known by its bytes alone: 400 if they leave no
// room, before it is taken apart.
ApiStatus CheckLeastTokens(const ServedModel& model, std::size_t tokens, const char* prompt);

std::uint64_t RandomSeed();

}  // namespace hadal::server
