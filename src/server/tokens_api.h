// POST /tokenize and /detokenize: texts to ids and back.
// Source: llama.cpp server and vLLM, whose fields are both read ("content", "prompt"; "tokens").
#pragma once
#include "server/api.h"

namespace hadal::server {

void AddTokens(Routes* routes, Api& api);

}  // namespace hadal::server
