#include "server/responses_request.h"

#include <utility>

#include "base/quote.h"

namespace hadal::server {
namespace {

// A string, or parts of text.
ApiResult<std::string> PartsText(const Json* content, const std::string& place) {
  if (content == nullptr || content->is_null()) return std::string();
  if (content->AsString() != nullptr) return *content->AsString();
  if (content->AsArray() == nullptr)
    return BadField(place, "found {}, expected a string or an array", content->KindName());
  std::string text;
  std::size_t number = 0;
  for (const Json& part : *content->AsArray()) {
    const std::string type = TextIn(part, "type");
    if (type != "input_text" && type != "output_text" && type != "text" && type != "refusal" &&
        type != "summary_text" && type != "reasoning_text")
      return BadField(fmt::format("{}[{}].type", place, number),
                      "found {}, which this model cannot read", Quote(type));
    if (number++ > 0) text += "\n\n";
    text += TextIn(part, type == "refusal" ? "refusal" : "text");
  }
  return text;
}

ApiResult<chat::Role> RoleOf(const std::string& role, const std::string& place) {
  if (role == "user") return chat::Role::kUser;
  if (role == "system") return chat::Role::kSystem;
  if (role == "developer") return chat::Role::kDeveloper;
  if (role == "assistant") return chat::Role::kAssistant;
  return BadField(place + ".role", "found {}, expected user, assistant, system or developer",
                  Quote(role));
}

class Items {
 public:
  Items(std::vector<chat::Message> before, Fields* body)
      : messages_(std::move(before)), body_(*body) {}

  ApiStatus Add(const Json& item, const std::string& place) {
    std::string type = TextIn(item, "type");
    if (type.empty() && item.Find("role") != nullptr) type = "message";
    if (type == "message") return AddMessage(item, place);
    if (type == "reasoning") return AddReasoning(item, place);
    if (type == "function_call") {
      Reply().tool_calls.push_back(
          {TextIn(item, "call_id"), TextIn(item, "name"), TextIn(item, "arguments")});
      return Unit{};
    }
    if (type == "function_call_output") {
      chat::Message message{.role = chat::Role::kTool};
      message.tool_call_id = TextIn(item, "call_id");
      HADAL_TRY(message.content, PartsText(item.Find("output"), place + ".output"));
      return Push(std::move(message));
    }
    if (type == "item_reference")
      return BadField(place, "found item_reference, which this server does not keep");
    body_.PassOver(fmt::format("{}:{}", place, type.empty() ? "no type" : type));
    return Unit{};
  }

  std::vector<chat::Message> Take() && { return std::move(messages_); }

 private:
  // The turn of the model that is under way.
  chat::Message& Reply() {
    if (!open_) messages_.push_back({.role = chat::Role::kAssistant});
    open_ = true;
    return messages_.back();
  }

  ApiStatus Push(chat::Message message) {
    open_ = false;
    messages_.push_back(std::move(message));
    return Unit{};
  }

  ApiStatus AddMessage(const Json& item, const std::string& place) {
    HADAL_TRY(const chat::Role role, RoleOf(TextIn(item, "role"), place));
    HADAL_TRY(std::string text, PartsText(item.Find("content"), place + ".content"));
    if (role == chat::Role::kAssistant) {
      // After calls another turn begins.
      if (open_ && !messages_.back().tool_calls.empty()) open_ = false;
      Reply().content += text;
      return Unit{};
    }
    return Push({.role = role, .content = std::move(text)});
  }

  ApiStatus AddReasoning(const Json& item, const std::string& place) {
    HADAL_TRY(std::string text, PartsText(item.Find("content"), place + ".content"));
    if (text.empty()) {
      HADAL_TRY(text, PartsText(item.Find("summary"), place + ".summary"));
    }
    if (open_ && (!messages_.back().content.empty() || !messages_.back().tool_calls.empty()))
      open_ = false;
    Reply().reasoning += text;
    return Unit{};
  }

  std::vector<chat::Message> messages_;
  Fields& body_;
  bool open_ = false;
};

ApiResult<std::vector<chat::Message>> ReadInput(Api& api, Fields* body, std::uint64_t scope) {
  std::vector<chat::Message> before;
  std::string previous;
  body->Text("previous_response_id", &previous);
  if (!previous.empty()) {
    auto found = api.responses.Find(scope, previous);
    if (!found)
      return ApiError{.status = 400,
                      .message = "previous_response_id: found " + Quote(previous) +
                                 ", which this server does not have; send the whole input",
                      .param = "previous_response_id",
                      .code = "previous_response_not_found"};
    before = std::move(*found);
  }
  Items items(std::move(before), body);
  const Json* input = body->Find("input");
  if (input != nullptr && input->AsString() != nullptr) {
    HADAL_TRY_STATUS(
        items.Add(Json::MakeObject({{"role", "user"}, {"content", *input->AsString()}}), "input"));
  } else if (input != nullptr && input->AsArray() != nullptr) {
    std::size_t number = 0;
    for (const Json& item : *input->AsArray())
      HADAL_TRY_STATUS(items.Add(item, fmt::format("input[{}]", number++)));
  } else if (input != nullptr) {
    return BadField("input", "found {}, expected a string or an array", input->KindName());
  }
  std::vector<chat::Message> messages = std::move(items).Take();
  if (messages.empty()) messages.push_back({.role = chat::Role::kUser});  // a client's probe
  return messages;
}

ApiResult<std::vector<Json>> ReadTools(Fields* body) {
  chat::Functions functions;
  const Json* field = body->Find("tools");
  if (field == nullptr) return std::vector<Json>();
  if (field->AsArray() == nullptr)
    return BadField("tools", "found {}, expected an array", field->KindName());
  std::size_t number = 0;
  for (const Json& tool : *field->AsArray()) {
    const std::string place = fmt::format("tools[{}]", number++);
    if (TextIn(tool, "type") != "function") continue;
    Json function = Json::MakeObject({});
    for (const char* key : {"name", "description", "parameters"})
      if (const Json* value = tool.Find(key); value != nullptr && !value->is_null())
        function.Set(key, *value);
    HADAL_TRY_STATUS(AddFunction(std::move(function), place, &functions));
  }
  return std::move(functions).Take();
}

Json Echoed(const Json& json) {
  Json echoed = Json::MakeObject({});
  const std::pair<const char*, Json> fields[] = {
      {"instructions", Json()},
      {"max_output_tokens", Json()},
      {"metadata", Json::MakeObject({})},
      {"parallel_tool_calls", Json(true)},
      {"previous_response_id", Json()},
      {"reasoning", Json::MakeObject({{"effort", nullptr}, {"summary", nullptr}})},
      {"store", Json(true)},
      {"temperature", Json()},
      {"text", Json::MakeObject({{"format", Json::MakeObject({{"type", "text"}})}})},
      {"tool_choice", Json("auto")},
      {"tools", Json(Json::Array())},
      {"top_p", Json()},
      {"truncation", Json("disabled")}};
  for (const auto& [key, absent] : fields) {
    const Json* given = json.Find(key);
    Json value = given == nullptr || given->is_null() ? absent : *given;
    // Of an object, what it leaves out is there too.
    if (absent.AsObject() != nullptr)
      for (const auto& [name, inner] : *absent.AsObject())
        if (const Json* found = value.Find(name); found == nullptr || found->is_null())
          value.Set(name, inner);
    echoed.Set(key, std::move(value));
  }
  return echoed;
}

void ReadText(Fields* body, AnswerFormat* format) {
  body->Inside("text", [&](Fields* fields) {
    *format = ReadFormat(fields, "format");
    fields->Pass({"verbosity"});
  });
}

void ReadLogprobs(Fields* body, ResponsesRequest* request) {
  std::vector<std::string> include;
  body->Texts("include", 32, &include);
  std::size_t top = 0;
  body->Count("top_logprobs", {0, kMostTopLogprobs}, &top);
  for (const std::string& what : include)
    if (what == "message.output_text.logprobs") request->logprobs = true;
  if (top > 0) request->logprobs = true;
  if (request->logprobs) request->chat.logprobs = top;
}

}  // namespace

ApiResult<ResponsesRequest> ReadResponses(Api& api, const Json& json, const Caller& caller) {
  Fields body(json);
  ResponsesRequest request;
  ChatRequest& chat = request.chat;
  chat.api = "responses";
  chat.prompt = "input";
  chat.scope = caller.scope;
  body.Text("model", &chat.model);
  HADAL_TRY(const Thinking defaults, DefaultThinking(api, chat.model));
  HADAL_TRY(request.conversation, ReadInput(api, &body, caller.scope));
  chat.messages = request.conversation;
  std::string instructions;
  body.Text("instructions", &instructions);
  if (!instructions.empty())
    chat.messages.insert(chat.messages.begin(),
                         {.role = chat::Role::kSystem, .content = std::move(instructions)});
  HADAL_TRY(chat.tools, ReadTools(&body));
  chat.tool_choice = ReadToolChoice(&body);
  HADAL_TRY_STATUS(KeepAllowed(&chat));
  ReadParallelCalls(&body, &chat);
  ReadText(&body, &chat.format);
  ReadAnswering(api, &body, defaults, &chat);
  ReadLogprobs(&body, &request);
  body.Count("max_output_tokens", {1, kMostTokens}, &chat.max_tokens);
  body.Flag("store", &request.store);
  bool background = false;
  body.Flag("background", &background);
  if (background) body.Fail("background", "not supported");
  // What they name is part of the prompt, and kept elsewhere: an answer would lack it.
  for (const char* elsewhere : {"prompt", "conversation"})
    if (body.Find(elsewhere) != nullptr)
      body.Fail(elsewhere, "not supported; send instructions and the whole input");
  body.Pass({"truncation", "stream_options", "client_metadata"});
  HADAL_TRY_STATUS(body.status());
  HADAL_TRY_STATUS(CheckUnknown(api, body, caller));
  request.echoed = Echoed(json);
  return request;
}

}  // namespace hadal::server
