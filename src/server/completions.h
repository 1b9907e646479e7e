// POST /v1/completions: texts that go on from texts, without conversation.
// Source: OpenAI API reference, legacy completions; vLLM (prompts of token ids).
#pragma once
#include "server/api.h"

namespace hadal::server {

void AddCompletions(Routes* routes, Api& api);

}  // namespace hadal::server
