// Whether the model reasons before it answers, how much, and how clients say so.
//
// In this order, what comes first counts: thinking {"type", "budget_tokens"} (DeepSeek, Anthropic);
// reasoning_effort, reasoning {"effort"} (OpenAI); chat_template_kwargs {"thinking",
// "enable_thinking", "reasoning_effort", "drop_thinking"} (vLLM, SGLang); think (Ollama); the
// model's name; the server's own choice. Efforts: none is off; xhigh and max are the highest; all
// others are the ordinary one.
#pragma once
#include <cstddef>
#include <optional>

#include "server/fields.h"

namespace hadal::server {

struct Thinking {
  bool on = true;
  bool max_effort = false;
  std::optional<bool> drop_thinking = {};  // of earlier turns; absent: the format's own rule
  std::optional<std::size_t> budget = {};  // tokens of reasoning
};

// Errors go to `body`.
Thinking ReadThinking(Fields* body, const Thinking& defaults);

}  // namespace hadal::server
