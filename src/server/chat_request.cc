#include "server/chat_request.h"

#include <algorithm>
#include <utility>

#include "base/quote.h"
#include "chat/encode.h"
#include "chat/instructions.h"
#include "chat/prompt_tokens.h"

namespace hadal::server {
namespace {

// What a client sends as the schema's holder: {"name", "schema", "strict"}, or the schema itself,
// which has no name. Null: a holder of none.
const Json* SchemaIn(const Json& holder) {
  const Json* schema = holder.Find("schema");
  if (schema != nullptr) return schema;
  return holder.Find("name") == nullptr ? &holder : nullptr;
}

bool OffersTools(const ChatRequest& request) {
  return !request.tools.empty() && request.tool_choice.kind != ToolChoice::Kind::kNone;
}

// Tools and the schema belong to the system's message; there is one in front if they are needed.
void Offer(ChatRequest* request) {
  std::vector<chat::Message>& messages = request->messages;
  const bool schema = request->format.kind == AnswerFormat::Kind::kSchema;
  if (!OffersTools(*request) && !schema) return;
  if (messages.empty() || messages[0].role != chat::Role::kSystem)
    messages.insert(messages.begin(), chat::Message{.role = chat::Role::kSystem});
  if (OffersTools(*request))
    messages[0].tools.insert(messages[0].tools.end(), request->tools.begin(), request->tools.end());
  if (schema && !messages[0].response_format) messages[0].response_format = request->format.schema;
}

// The text goes on from an assistant's message that ends the conversation.
bool GoesOn(const ChatRequest& request) {
  return !request.messages.empty() && request.messages.back().role == chat::Role::kAssistant;
}

Json SchemaOf(const AnswerFormat& format) {
  return format.kind == AnswerFormat::Kind::kSchema ? format.schema
                                                    : Json::MakeObject({{"type", "object"}});
}

bool RequiresCall(const ChatRequest& request) {
  return request.tool_choice.kind == ToolChoice::Kind::kNamed ||
         request.tool_choice.kind == ToolChoice::Kind::kRequired;
}

ApiStatus Constrain(Api& api, const ChatRequest& request, bool reasons, std::int32_t think_end,
                    engine::ConstraintOptions* constraint) {
  const ToolChoice& choice = request.tool_choice;
  const AnswerFormat& format = request.format;
  const bool named = choice.kind == ToolChoice::Kind::kNamed;
  if (RequiresCall(request)) {
    HADAL_TRY(constraint->language,
              api.languages.OfCalls(request.tools, choice.name, !named && request.parallel_calls));
  } else if (format.kind == AnswerFormat::Kind::kText) {
    return Unit{};
  } else if (OffersTools(request)) {  // an answer of this format, or calls
    HADAL_TRY(constraint->language, api.languages.OfSchemaOrCalls(SchemaOf(format), format.param));
  } else if (format.kind == AnswerFormat::Kind::kSchema) {
    HADAL_TRY(constraint->language, api.languages.OfSchema(format.schema, format.param));
  } else {
    HADAL_TRY(constraint->language, api.languages.OfObject());
  }
  if (reasons) constraint->after = think_end;
  return Unit{};
}

// Stop texts are about what is said: not about reasoning, and not about calls, which would be cut.
void Shield(const chat::Dialect& dialect, bool calls, const std::int32_t* think_end,
            engine::StopOptions* stop) {
  if (think_end != nullptr) stop->texts_after = *think_end;
  if (!calls) return;
  const std::string begin = chat::CallsBegin(dialect);
  stop->shields = {begin, begin.substr(begin.find('<'))};
}

// What closes the reasoning when it is not the model that does.
std::vector<std::int32_t> CloseWith(const Api& api, std::int32_t think_end) {
  std::vector<std::int32_t> tokens = api.model.files().tokenizer.Encode(api.options.budget_message);
  tokens.push_back(think_end);
  return tokens;
}

// {"mode": "auto"|"required", "tools": [{"type", "name"} or {"type", "function": {"name"}}]}, in
// "allowed_tools" or here. What is no function is passed over, as it is among the tools.
ToolChoice ReadAllowedTools(Fields* body, const Json& field) {
  const Json* inner = field.Find("allowed_tools");
  const Json& choice = inner == nullptr ? field : *inner;
  ToolChoice out{.allowed = std::vector<std::string>()};
  const std::string mode = TextIn(choice, "mode");
  const Json* tools = choice.Find("tools");
  if (mode == "required") out.kind = ToolChoice::Kind::kRequired;
  if (mode != "auto" && mode != "required")
    body->Fail("tool_choice", "mode: found " + Quote(mode) + ", expected auto or required");
  if (tools == nullptr || tools->AsArray() == nullptr) {
    body->Fail("tool_choice", fmt::format("tools: found {}, expected an array",
                                          tools == nullptr ? "nothing" : tools->KindName()));
    return out;
  }
  for (const Json& tool : *tools->AsArray()) {
    const Json* function = tool.Find("function");
    const std::string name = TextIn(function == nullptr ? tool : *function, "name");
    if (TextIn(tool, "type") == "function") out.allowed->push_back(name);
  }
  return out;
}

}  // namespace

ApiResult<Thinking> DefaultThinking(const Api& api, const std::string& model) {
  HADAL_TRY(const ModelChoice choice, api.model.Choose(model));
  return Thinking{.on = choice.thinking.value_or(api.options.thinking),
                  .budget = api.options.reasoning_budget};
}

AnswerFormat ReadFormat(Fields* body, std::string_view key) {
  AnswerFormat format;
  body->Inside(key, [&](Fields* fields) {
    std::string type = "text";
    fields->Text("type", &type);
    const Json* holder = fields->Find("json_schema");
    const Json* plain = fields->Find("schema");
    fields->Pass({"name", "description", "strict"});
    if (type == "json_object") {
      format.kind = AnswerFormat::Kind::kObject;
    } else if (type == "json_schema") {
      format.kind = AnswerFormat::Kind::kSchema;
      // Where it belongs in this API, if it is nowhere.
      const bool held = holder != nullptr || (plain == nullptr && key == "response_format");
      const char* param = held ? "json_schema" : "schema";
      format.param = fields->Name(param);
      const Json* schema = holder != nullptr ? SchemaIn(*holder) : plain;
      if (schema == nullptr)
        fields->Fail(param, "found no schema");
      else if (schema->AsObject() == nullptr)
        fields->Fail(param,
                     fmt::format("found {}, expected a schema, an object", Quote(schema->Dump())));
      else
        format.schema = *schema;
    } else if (type != "text") {
      fields->Fail("type", "found " + Quote(type) + ", expected text, json_object or json_schema");
    }
  });
  return format;
}

ToolChoice ReadToolChoice(Fields* body) {
  using Kind = ToolChoice::Kind;
  const Json* field = body->Find("tool_choice");
  if (field == nullptr) return {};
  constexpr const char* kExpected =
      "expected auto, none, required or {\"type\": \"function\", \"function\": {\"name\": ...}}";
  if (const std::string* text = field->AsString()) {
    if (*text == "auto") return {Kind::kAuto};
    if (*text == "none") return {Kind::kNone};
    if (*text == "required" || *text == "any") return {Kind::kRequired};
    body->Fail("tool_choice", "found " + Quote(*text) + ", " + kExpected);
    return {};
  }
  if (TextIn(*field, "type") == "allowed_tools") return ReadAllowedTools(body, *field);
  const Json* function = field->Find("function");
  const Json* name = (function != nullptr ? function : field)->Find("name");
  if (name != nullptr && name->AsString() != nullptr) return {Kind::kNamed, *name->AsString()};
  body->Fail("tool_choice", fmt::format("found {}, {}", field->KindName(), kExpected));
  return {};
}

ApiStatus KeepAllowed(ChatRequest* request) {
  if (!request->tool_choice.allowed) return Unit{};
  const std::vector<std::string>& allowed = *request->tool_choice.allowed;
  for (const std::string& name : allowed)
    if (std::ranges::none_of(request->tools,
                             [&](const Json& tool) { return TextIn(tool, "name") == name; }))
      return BadField("tool_choice", "found {}, which is not among the tools", Quote(name));
  std::erase_if(request->tools, [&](const Json& tool) {
    return std::ranges::find(allowed, TextIn(tool, "name")) == allowed.end();
  });
  return Unit{};
}

void ReadAnswering(const Api& api, Fields* body, const Thinking& defaults, ChatRequest* request) {
  request->clamp_max_tokens = true;
  request->thinking = ReadThinking(body, defaults);
  request->sampling = ReadSampling(body, api.model);
  request->sampling.choices = 1;
  body->Flag("stream", &request->stream);
}

ApiStatus AddFunction(Json function, const std::string& place, chat::Functions* functions) {
  const Status added = functions->Add(std::move(function), place);
  if (added.ok()) return Unit{};
  return ApiError{.status = 400, .message = added.error().what, .param = place};
}

void ReadParallelCalls(Fields* body, ChatRequest* request) {
  body->Flag("parallel_tool_calls", &request->parallel_calls);
}

ApiResult<chat::Prompt> ChatPrompt(Api& api, ChatRequest* request) {
  if (request->messages.empty()) return BadField("messages", "found none");
  HADAL_TRY_STATUS(chat::CheckMessages(api.model.dialect(), request->messages));
  request->owner = CallsOwner(request->scope, request->messages);
  api.tool_memory.Restore(request->owner, &request->messages);
  chat::PlaceInstructions(&request->messages);
  Offer(request);
  const chat::EncodeOptions options{.thinking = request->thinking.on,
                                    .drop_thinking = request->thinking.drop_thinking.value_or(true),
                                    .max_effort = request->thinking.max_effort};
  return chat::Encode(api.model.dialect(), request->messages, options);
}

ApiResult<std::vector<std::int32_t>> ChatTokens(Api& api, ChatRequest* request,
                                                std::vector<std::uint64_t>* turn_ends) {
  HADAL_TRY(const chat::Prompt prompt, ChatPrompt(api, request));
  const text::Tokenizer& tokenizer = api.model.files().tokenizer;
  HADAL_TRY_STATUS(
      CheckLeastTokens(api.model, chat::LeastPromptTokens(tokenizer, prompt), request->prompt));
  HADAL_TRY(std::vector<std::int32_t> tokens, chat::PromptTokens(tokenizer, prompt, turn_ends));
  if (GoesOn(*request) && !request->messages.back().wo_eos) tokens.pop_back();  // its turn's end
  return tokens;
}

ApiResult<Generation> MakeGeneration(Api& api, ChatRequest request) {
  if (request.tool_choice.kind == ToolChoice::Kind::kNamed &&
      std::ranges::none_of(request.tools, [&](const Json& tool) {
        const Json* name = tool.Find("name");
        return name != nullptr && name->AsString() != nullptr &&
               *name->AsString() == request.tool_choice.name;
      }))
    return BadField("tool_choice", "found {}, which is not among the tools",
                    Quote(request.tool_choice.name));
  RunRequest run;
  HADAL_TRY(run.engine.tokens, ChatTokens(api, &request, &run.engine.turn_ends));
  const bool asked = request.max_tokens.has_value();
  HADAL_TRY(const std::size_t max_tokens,
            RoomFor(api.model, {.prompt_tokens = run.engine.tokens.size(),
                                .wanted = asked ? request.max_tokens : api.options.max_tokens,
                                .clamp = !asked || request.clamp_max_tokens,
                                .most = api.options.most_tokens,
                                .prompt = request.prompt,
                                .length = request.length}));
  run.engine.sample = request.sampling.sample;
  run.engine.stop = request.sampling.stop;
  run.engine.stop.max_tokens = max_tokens;
  run.engine.stop.min_tokens = std::min(run.engine.stop.min_tokens, max_tokens);
  run.engine.logprobs = request.logprobs;
  const text::Tokenizer& tokenizer = api.model.files().tokenizer;
  const chat::Dialect& dialect = api.model.dialect();
  // A quick instruction's answer and a reply that goes on have no reasoning.
  run.reasons =
      request.thinking.on && run.engine.tokens.back() == tokenizer.AddedToken(dialect.think_begin);
  if (api.options.deepseek_compat && request.thinking.on) {
    engine::SampleOptions& sample = run.engine.sample;
    sample = api.model.files().generation.sample;
    sample.seed = request.sampling.sample.seed;
    sample.logit_bias = request.sampling.sample.logit_bias;
  }
  if (request.thinking.on) {
    const auto think_end = tokenizer.AddedToken(dialect.think_end);
    if (!think_end) return BadField("thinking", "this model's vocabulary has no reasoning");
    run.think_end = *think_end;
    run.close_with = CloseWith(api, *think_end);
    run.reasoning_budget = request.thinking.budget;
  }
  HADAL_TRY_STATUS(Constrain(api, request, run.reasons, run.think_end, &run.engine.constraint));
  Shield(dialect, OffersTools(request), run.reasons ? &run.think_end : nullptr, &run.engine.stop);
  if (RequiresCall(request)) run.engine.stop.texts.clear();  // all of the answer is calls
  if (!run.engine.stop.ignore_eos && !run.engine.constraint.language) {  // which has none of them
    chat::AddTurnTokens(tokenizer, dialect, &run.engine.stop.token_ids);
  }
  Generation generation{.api = request.api,
                        .chat = true,
                        .tools = OffersTools(request),
                        .one_call = OffersTools(request) && !request.parallel_calls &&
                                    request.tool_choice.kind == ToolChoice::Kind::kAuto,
                        .reasons = run.reasons,
                        .length_given = asked && !request.clamp_max_tokens,
                        .default_length = !asked && api.options.max_tokens,
                        .owner = request.owner};
  for (std::size_t i = 0; i < request.sampling.choices; ++i) {
    generation.runs.push_back(run);
    generation.runs.back().engine.sample.choice = i;
  }
  return generation;
}

}  // namespace hadal::server
