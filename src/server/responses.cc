#include "server/responses.h"

#include <utility>

#include "server/response_sink.h"
#include "server/responses_request.h"

namespace hadal::server {
namespace {

// The conversation with the answer behind it: what previous_response_id names.
std::vector<chat::Message> WithAnswer(std::vector<chat::Message> messages, const Answer& answer) {
  chat::Message reply{
      .role = chat::Role::kAssistant, .content = answer.content, .reasoning = answer.reasoning};
  for (const AnswerCall& call : answer.calls)
    reply.tool_calls.push_back({call.id, call.name, call.arguments});
  messages.push_back(std::move(reply));
  return messages;
}

ApiResult<Prepared> PrepareResponse(Api& api, const Json& json, const ExchangePtr& exchange) {
  const Caller caller = CallerOf(api, exchange->request());
  HADAL_TRY(ResponsesRequest request, ReadResponses(api, json, caller));
  ResponseOptions options{.model = request.chat.model.empty() ? api.model.id() : request.chat.model,
                          .echoed = std::move(request.echoed),
                          .logprobs = request.logprobs};
  if (request.store)
    options.keep = [&api, scope = caller.scope, messages = std::move(request.conversation)](
                       const std::string& id, const Answer& answer) {
      api.responses.Keep(scope, id, WithAnswer(messages, answer));
    };
  const bool stream = request.chat.stream;
  HADAL_TRY(Generation generation, MakeGeneration(api, std::move(request.chat)));
  if (options.logprobs) generation.tokens = TokensGo::kIntoSink;
  Prepared prepared{.generation = std::move(generation), .sink = {}};
  prepared.sink = stream ? MakeResponseStream(api.model, std::move(options), exchange)
                         : MakeResponseWhole(api.model, std::move(options), exchange);
  return prepared;
}

ApiResult<Json> CountResponseTokens(Api& api, const Json& json, const Caller& caller) {
  HADAL_TRY(ResponsesRequest request, ReadResponses(api, json, caller));
  HADAL_TRY(const std::vector<std::int32_t> tokens, ChatTokens(api, &request.chat));
  return Json::MakeObject(
      {{"object", "response.input_tokens"}, {"input_tokens", std::uint64_t{tokens.size()}}});
}

}  // namespace

void AddResponses(Routes* routes, Api& api) {
  AddGenerating(routes, api, {"/v1/responses", "/responses"}, PrepareResponse);
  AddComputing(routes, api, {"/v1/responses/input_tokens", "/responses/input_tokens"},
               CountResponseTokens);
}

}  // namespace hadal::server
