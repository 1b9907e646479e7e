// A request of the messages API as a ChatRequest.
//
// What clients put in front of the system's text and change with every request is dropped, so that
// the same conversation has the same prompt: blocks that begin "x-anthropic-billing-header:".
// System messages inside the conversation stay where they are.
#pragma once
#include "server/chat_request.h"

namespace hadal::server {

ApiResult<ChatRequest> ReadMessages(Api& api, const Json& json, const Caller& caller);

}  // namespace hadal::server
