// POST /v1/chat/completions and what belongs to it.
// Source: OpenAI API reference, chat; DeepSeek API (reasoning_content, thinking, cache figures);
// vLLM (chat_template_kwargs, token ids), llama.cpp server (timings, prompt_progress).
#pragma once
#include "server/api.h"

namespace hadal::server {

// With /v1/chat/completions/input_tokens, /control and /apply-template.
void AddChatCompletions(Routes* routes, Api& api);

}  // namespace hadal::server
