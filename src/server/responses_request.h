// A request of the responses API as a ChatRequest.
//
// Items that stand for one turn of the model (reasoning, message, calls) become one message. Tools
// that are no functions, and items of such tools, are passed over: agents send them to every
// server.
#pragma once
#include "server/chat_request.h"

namespace hadal::server {

struct ResponsesRequest {
  ChatRequest chat;
  bool store = true, logprobs = false;
  Json echoed = {};  // what the answer repeats of the request: an object
};

ApiResult<ResponsesRequest> ReadResponses(Api& api, const Json& json, const Caller& caller);

}  // namespace hadal::server
