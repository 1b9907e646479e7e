// POST /v1/messages and /v1/messages/count_tokens.
// Source: Anthropic API reference, messages, streaming and token counting.
#pragma once
#include "server/api.h"

namespace hadal::server {

void AddMessages(Routes* routes, Api& api);

}  // namespace hadal::server
