// A request of the responses API as a ChatRequest.
//
// Items that stand for one turn of the model (reasoning, message, calls) become one message. Tools
// that are no functions, and items of such tools, are passed over: agents send them to every
// server. Of items the log says so; a strict server refuses them.
#pragma once
#include "server/chat_request.h"

namespace hadal::server {

struct ResponsesRequest {
  ChatRequest chat;
  bool store = true, logprobs = false;
  // What a later request goes on from: chat's messages without the instructions, which are this
  // request's alone.
  std::vector<chat::Message> conversation = {};
  Json echoed = {};  // what the answer repeats of the request: an object
};

ApiResult<ResponsesRequest> ReadResponses(Api& api, const Json& json, const Caller& caller);

}  // namespace hadal::server
