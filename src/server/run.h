// A text that the engine makes for a client: an engine::Request that can also wait, go on, and be
// told to stop thinking.
//
// All three are one thing. A request that is cancelled hands over its tokens and the state that has
// read them (engine/request.h); another goes on from there, with more tokens put behind them if the
// reasoning is to be closed. Draws belong to positions, so a text that has waited is the text that
// has not.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/prefix_use.h"
#include "engine/request.h"

namespace hadal::server {

using RunId = std::uint64_t;

// How the reasoning ended.
enum class ReasoningEnd { kNone, kModel, kBudget, kAsked };

struct RunRequest {
  engine::Request engine;  // without callbacks
  std::size_t prompt = 0;  // which of its generation's prompts it has
  // Reasoning: what closes it, and how many tokens it may have. The prompt ends inside it.
  bool reasons = false;
  std::int32_t think_end = -1;
  std::vector<std::int32_t> close_with =
      {};  // drawn by nobody: put behind the text, think_end last
  std::optional<std::size_t> reasoning_budget = {};
};

struct RunToken {
  std::int32_t id = 0;
  std::string text = {};   // that may be shown now
  bool ends = false;       // EOS or a stop id: no part of the text
  bool reasoning = false;  // part of the reasoning, what closes it too
  std::optional<engine::Logprobs> logprobs = {};
};

struct RunEnd {
  engine::FinishReason reason = engine::FinishReason::kMaxTokens;
  std::optional<Error> error = {};
  std::string text = {}, stop_text = {};  // as engine::Outcome
  std::size_t prompt_tokens = 0, generated_tokens = 0, cached_tokens = 0, reasoning_tokens = 0;
  ReasoningEnd reasoning_end = ReasoningEnd::kNone;
  cache::PrefixUse prefix = {};
  double queue_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
  std::vector<std::int32_t> tokens = {};  // that were generated
};

struct RunEvent {
  enum class Kind { kPrompt, kToken, kEnd };
  RunId run = 0;
  Kind kind = Kind::kPrompt;
  std::size_t done = 0, total = 0;  // kPrompt: tokens that have been read
  RunToken token = {};              // kToken
  RunEnd end = {};                  // kEnd: the last
};

}  // namespace hadal::server
