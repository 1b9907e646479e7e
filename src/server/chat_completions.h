// POST /v1/chat/completions and what belongs to it.
// Source: OpenAI API reference, chat; DeepSeek API (reasoning_content, thinking, cache figures);
// vLLM (chat_template_kwargs, token ids), llama.cpp server (timings, prompt_progress).
#pragma once
#include "server/api.h"
#include "server/chat_request.h"

namespace hadal::server {

// What the body asks for. Fields of the answer's form (stream, ...) are left.
ApiResult<ChatRequest> ReadChat(Api& api, Fields* body, std::uint64_t scope);

// With /v1/chat/completions/input_tokens, /control and /apply-template.
void AddChatCompletions(Routes* routes, Api& api);

}  // namespace hadal::server
