#include "server/chat_completions.h"

#include <utility>

#include "base/quote.h"
#include "server/chat_request.h"
#include "server/chat_sink.h"

namespace hadal::server {
namespace {

void ReadLogprobs(Fields* body, std::optional<std::size_t>* logprobs) {
  bool wanted = false;
  std::size_t top = 0;
  body->Flag("logprobs", &wanted);
  body->Count("top_logprobs", {0, kMostTopLogprobs}, &top);
  if (top > 0 && !wanted) body->Fail("top_logprobs", "needs logprobs to be true");
  if (wanted) *logprobs = top;
}

// vLLM's names of what response_format says.
void ReadGuided(Fields* body, AnswerFormat* format) {
  const Json* schema = body->Find("guided_json");
  const Json* outputs = body->Find("structured_outputs");
  if (schema == nullptr && outputs != nullptr) schema = outputs->Find("json");
  for (const char* key : {"guided_regex", "guided_choice", "guided_grammar", "grammar"})
    if (body->Find(key) != nullptr) body->Fail(key, "not supported; response_format is");
  if (schema == nullptr) {
    if (outputs != nullptr) body->Fail("structured_outputs", "not supported but for json");
    return;
  }
  *format = {.kind = AnswerFormat::Kind::kSchema, .schema = *schema, .param = "guided_json"};
}

}  // namespace

ApiResult<ChatRequest> ReadChat(Api& api, Fields* body, std::uint64_t scope) {
  ChatRequest request{.api = "chat.completions", .scope = scope};
  body->Text("model", &request.model);
  HADAL_TRY(const Thinking defaults, DefaultThinking(api, request.model));
  const Json* messages = body->Find("messages");
  auto parsed = chat::ParseMessages(messages == nullptr ? Json() : *messages);
  if (!parsed.ok())
    return ApiError{.status = 400, .message = parsed.error().what, .param = "messages"};
  request.messages = std::move(*parsed);
  if (const Json* tools = body->Find("tools"); tools != nullptr) {
    auto read = chat::ParseTools(*tools);
    if (!read.ok()) return ApiError{.status = 400, .message = read.error().what, .param = "tools"};
    request.tools = std::move(*read);
  }
  request.tool_choice = ReadToolChoice(body);
  HADAL_TRY_STATUS(KeepAllowed(&request));
  ReadParallelCalls(body, &request);
  request.format = ReadFormat(body, "response_format");
  ReadGuided(body, &request.format);
  request.thinking = ReadThinking(body, defaults);
  request.sampling = ReadSampling(body, api.model);
  ReadLogprobs(body, &request.logprobs);
  body->Count("max_tokens", {1, kMostTokens}, &request.max_tokens);
  body->Count("max_completion_tokens", {1, kMostTokens}, &request.max_tokens);
  if (body->Find("max_completion_tokens") != nullptr) request.length = "max_completion_tokens";
  body->Pass({"continue_final_message", "add_generation_prompt"});
  HADAL_TRY_STATUS(body->status());
  return request;
}

namespace {

ChatAnswerOptions ReadAnswerOptions(const Api& api, Fields* body, const ChatRequest& request) {
  ChatAnswerOptions options{.model = request.model.empty() ? api.model.id() : request.model,
                            .logprobs = request.logprobs.has_value(),
                            .token_ids = request.sampling.return_token_ids,
                            .reasoning_content = api.options.reasoning_content,
                            .reasoning = api.options.reasoning};
  body->Flag("return_progress", &options.progress);
  ReadStreamOptions(body, &options.include_usage);
  return options;
}

ApiResult<Prepared> PrepareChat(Api& api, const Json& json, const ExchangePtr& exchange) {
  Fields body(json);
  const Caller caller = CallerOf(api, exchange->request());
  HADAL_TRY(ChatRequest request, ReadChat(api, &body, caller.scope));
  ChatAnswerOptions options = ReadAnswerOptions(api, &body, request);
  bool stream = false;
  body.Flag("stream", &stream);
  HADAL_TRY_STATUS(body.status());
  HADAL_TRY_STATUS(CheckUnknown(api, body, caller));
  HADAL_TRY(Generation generation, MakeGeneration(api, std::move(request)));
  if (options.logprobs || options.token_ids)
    generation.tokens = stream ? TokensGo::kThrough : TokensGo::kIntoAnswer;
  if (options.token_ids) options.prompt_tokens = generation.runs[0].engine.tokens;
  Prepared prepared{.generation = std::move(generation), .sink = {}};
  prepared.sink = stream ? MakeChatStream(api.model, std::move(options), exchange)
                         : MakeChatWhole(api.model, std::move(options), exchange);
  return prepared;
}

ApiResult<Json> CountTokens(Api& api, const Json& json, const Caller& caller) {
  Fields body(json);
  HADAL_TRY(ChatRequest request, ReadChat(api, &body, caller.scope));
  HADAL_TRY(const std::vector<std::int32_t> tokens, ChatTokens(api, &request));
  return Json::MakeObject(
      {{"object", "chat.completion.input_tokens"}, {"input_tokens", std::uint64_t{tokens.size()}}});
}

ApiResult<Json> ApplyTemplate(Api& api, const Json& json, const Caller& caller) {
  Fields body(json);
  HADAL_TRY(ChatRequest request, ReadChat(api, &body, caller.scope));
  HADAL_TRY(const chat::Prompt prompt, ChatPrompt(api, &request));
  return Json::MakeObject({{"prompt", prompt.Whole()}});
}

// {"id", "action": "reasoning_end"}: the answer begins now.
ApiStatus Control(Api& api, const HttpRequest& request) {
  HADAL_TRY(const Json json, ParseBody(request.body));
  Fields body(json);
  std::string id, action = "reasoning_end";
  body.Text("id", &id);
  body.Text("action", &action);
  body.Pass({"model", "reasoning_end"});
  HADAL_TRY_STATUS(body.status());
  if (action != "reasoning_end")
    return BadField("action", "found {}, expected reasoning_end", Quote(action));
  // With or without the prefix that the API gave it.
  const std::size_t mark = id.find_last_of("-_");
  return api.generations->CloseReasoning(mark == id.npos ? id : id.substr(mark + 1),
                                         api.keys.Scope(request));
}

}  // namespace

void AddChatCompletions(Routes* routes, Api& api) {
  std::vector<std::string> chat, count, control;
  for (const std::string prefix : {"/v1", "", "/beta"}) {
    chat.push_back(prefix + "/chat/completions");
    count.push_back(prefix + "/chat/completions/input_tokens");
    control.push_back(prefix + "/chat/completions/control");
  }
  AddGenerating(routes, api, chat, PrepareChat);
  AddComputing(routes, api, count, CountTokens);
  AddComputing(routes, api, {"/apply-template", "/v1/apply-template"}, ApplyTemplate);
  for (const std::string& path : control)
    routes->Add({"POST", path, [&api](const ExchangePtr& exchange) {
                   const HttpRequest& request = exchange->request();
                   const ApiStatus done = Control(api, request);
                   if (done.ok()) return exchange->Send({.body = "{\"ok\":true}"});
                   exchange->Send(ErrorResponse(done.error(), ErrorShape::kOpenAi, request.id));
                 }});
}

}  // namespace hadal::server
