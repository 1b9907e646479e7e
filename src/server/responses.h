// POST /v1/responses and /v1/responses/input_tokens.
// Source: OpenAI API reference, responses and their streaming events.
#pragma once
#include "server/api.h"

namespace hadal::server {

void AddResponses(Routes* routes, Api& api);

}  // namespace hadal::server
