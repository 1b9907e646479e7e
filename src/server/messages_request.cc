#include "server/messages_request.h"

#include <utility>

#include "base/quote.h"

namespace hadal::server {
namespace {

constexpr std::string_view kBillingHeader = "x-anthropic-billing-header:";
constexpr std::size_t kMostStopSequences = 64;

// A block's text: "text", or a document that is text.
ApiResult<std::string> BlockText(const Json& block, const std::string& place) {
  const std::string type = TextIn(block, "type");
  if (type == "text") return TextIn(block, "text");
  if (type == "document")
    if (const Json* source = block.Find("source"); source != nullptr)
      if (TextIn(*source, "type") == "text") return TextIn(*source, "data");
  return BadField(place + ".type", "found {}, which this model cannot read", Quote(type));
}

// A string, or blocks of text, with an empty line between them. Of a system's what changes with
// every request is dropped: prompts would have no beginning in common.
ApiResult<std::string> ContentText(const Json& content, const std::string& place,
                                   bool system = false) {
  if (content.AsString() != nullptr) return *content.AsString();
  if (content.is_null()) return std::string();
  if (content.AsArray() == nullptr)
    return BadField(place, "found {}, expected a string or an array", content.KindName());
  std::string text;
  std::size_t number = 0;
  for (const Json& block : *content.AsArray()) {
    const std::string inner = fmt::format("{}[{}]", place, number++);
    HADAL_TRY(const std::string more, BlockText(block, inner));
    if (system && more.starts_with(kBillingHeader)) continue;
    if (!text.empty()) text += "\n\n";
    text += more;
  }
  return text;
}

class Conversation {
 public:
  ApiStatus Add(const Json& json, const std::string& place) {
    const std::string role = TextIn(json, "role");
    const Json* found = json.Find("content");
    const Json content = found == nullptr ? Json() : *found;
    if (role == "assistant") return AddAssistant(content, place + ".content");
    if (role == "user") return AddUser(content, place + ".content");
    if (role != "system")
      return BadField(place + ".role", "found {}, expected user, assistant or system", Quote(role));
    HADAL_TRY(std::string text, ContentText(content, place + ".content", true));
    messages_.push_back({.role = chat::Role::kSystem, .content = std::move(text)});
    return Unit{};
  }

  std::vector<chat::Message> Take() && { return std::move(messages_); }

 private:
  ApiStatus AddUser(const Json& content, const std::string& place) {
    if (content.AsArray() == nullptr) {
      HADAL_TRY(std::string text, ContentText(content, place));
      messages_.push_back({.role = chat::Role::kUser, .content = std::move(text)});
      return Unit{};
    }
    std::size_t number = 0;
    for (const Json& block : *content.AsArray()) {
      const std::string inner = fmt::format("{}[{}]", place, number++);
      chat::Message message{.role = chat::Role::kUser};
      if (TextIn(block, "type") == "tool_result") {
        message.role = chat::Role::kTool;
        message.tool_call_id = TextIn(block, "tool_use_id");
        const Json* result = block.Find("content");
        HADAL_TRY(message.content,
                  ContentText(result == nullptr ? Json() : *result, inner + ".content"));
        // The published format has no place for it but the text.
        const Json* failed = block.Find("is_error");
        if (failed != nullptr && failed->AsBool() != nullptr && *failed->AsBool())
          message.content = message.content.empty() ? "Error" : "Error: " + message.content;
      } else {
        HADAL_TRY(message.content, BlockText(block, inner));
      }
      messages_.push_back(std::move(message));
    }
    return Unit{};
  }

  ApiStatus AddAssistant(const Json& content, const std::string& place) {
    chat::Message message{.role = chat::Role::kAssistant};
    if (content.AsArray() == nullptr) {
      HADAL_TRY(message.content, ContentText(content, place));
      messages_.push_back(std::move(message));
      return Unit{};
    }
    std::size_t number = 0;
    for (const Json& block : *content.AsArray()) {
      const std::string type = TextIn(block, "type");
      const std::string inner = fmt::format("{}[{}]", place, number++);
      if (type == "thinking") {
        message.reasoning += TextIn(block, "thinking");
      } else if (type == "tool_use") {
        const Json* input = block.Find("input");
        message.tool_calls.push_back(
            {TextIn(block, "id"), TextIn(block, "name"), input == nullptr ? "{}" : input->Dump()});
      } else if (type != "redacted_thinking" && type != "server_tool_use") {
        HADAL_TRY(const std::string text, BlockText(block, inner));
        message.content += text;
      }
    }
    messages_.push_back(std::move(message));
    return Unit{};
  }

  std::vector<chat::Message> messages_;
};

ApiResult<std::vector<chat::Message>> ReadConversation(Fields* body) {
  Conversation conversation;
  if (const Json* system = body->Find("system"); system != nullptr) {
    HADAL_TRY(const std::string text, ContentText(*system, "system", true));
    if (!text.empty())
      HADAL_TRY_STATUS(
          conversation.Add(Json::MakeObject({{"role", "system"}, {"content", text}}), "system"));
  }
  const Json* messages = body->Find("messages");
  if (messages == nullptr || messages->AsArray() == nullptr)
    return BadField("messages", "found {}, expected an array",
                    messages == nullptr ? "nothing" : messages->KindName());
  std::size_t number = 0;
  for (const Json& message : *messages->AsArray())
    HADAL_TRY_STATUS(conversation.Add(message, fmt::format("messages[{}]", number++)));
  return std::move(conversation).Take();
}

// Functions alone: tools that Anthropic's own servers run are passed over.
ApiResult<std::vector<Json>> ReadTools(Fields* body) {
  chat::Functions functions;
  const Json* field = body->Find("tools");
  if (field == nullptr) return std::vector<Json>();
  if (field->AsArray() == nullptr)
    return BadField("tools", "found {}, expected an array", field->KindName());
  std::size_t number = 0;
  for (const Json& tool : *field->AsArray()) {
    const std::string place = fmt::format("tools[{}]", number++);
    const std::string type = TextIn(tool, "type");
    const Json* schema = tool.Find("input_schema");
    if (schema == nullptr && !type.empty() && type != "custom") continue;
    if (schema == nullptr || schema->AsObject() == nullptr)
      return BadField(place + ".input_schema", "found {}, expected an object, a JSON Schema",
                      schema == nullptr ? "nothing" : Quote(schema->Dump()));
    Json function = Json::MakeObject({});
    for (const char* key : {"name", "description"})
      if (const Json* value = tool.Find(key); value != nullptr) function.Set(key, *value);
    function.Set("parameters", *schema);
    HADAL_TRY_STATUS(AddFunction(std::move(function), place, &functions));
  }
  return std::move(functions).Take();
}

ToolChoice ReadChoice(Fields* body, bool* parallel_calls) {
  const Json* field = body->Find("tool_choice");
  if (field == nullptr) return {};
  body->Inside("tool_choice", [&](Fields* fields) {
    bool one_call = false;
    fields->Flag("disable_parallel_tool_use", &one_call);
    *parallel_calls = !one_call;
    fields->Pass({"type", "name"});
  });
  const std::string type = TextIn(*field, "type");
  if (type == "auto") return {ToolChoice::Kind::kAuto};
  if (type == "any") return {ToolChoice::Kind::kRequired};
  if (type == "none") return {ToolChoice::Kind::kNone};
  if (type == "tool") return {ToolChoice::Kind::kNamed, TextIn(*field, "name")};
  body->Fail("tool_choice", "type: found " + Quote(type) + ", expected auto, any, tool or none");
  return {};
}

// A request that says nothing of thinking gets none: so it is with this API.
ApiResult<Thinking> Defaults(const Api& api, Fields* body, const std::string& model) {
  HADAL_TRY(const ModelChoice choice, api.model.Choose(model));
  HADAL_TRY(Thinking defaults, DefaultThinking(api, model));
  const Json* thinking = body->Find("thinking");
  const bool adaptive = thinking != nullptr && TextIn(*thinking, "type") == "adaptive";
  if (!adaptive) defaults.on = choice.thinking.value_or(false);
  if (const Json* config = body->Find("output_config"); config != nullptr) {
    const std::string effort = TextIn(*config, "effort");
    defaults.max_effort = effort == "max" || effort == "xhigh";
  }
  return defaults;
}

AnswerFormat ReadOutputFormat(Fields* body) {
  AnswerFormat format = ReadFormat(body, "output_format");
  body->Inside("output_config", [&](Fields* fields) {
    if (fields->Find("format") != nullptr) format = ReadFormat(fields, "format");
    fields->Pass({"effort"});
  });
  return format;
}

}  // namespace

ApiResult<ChatRequest> ReadMessages(Api& api, const Json& json, const Caller& caller) {
  Fields body(json);
  ChatRequest chat{.api = "messages", .scope = caller.scope};
  body.Text("model", &chat.model);
  HADAL_TRY(const Thinking defaults, Defaults(api, &body, chat.model));
  HADAL_TRY(chat.messages, ReadConversation(&body));
  HADAL_TRY(chat.tools, ReadTools(&body));
  chat.tool_choice = ReadChoice(&body, &chat.parallel_calls);
  chat.format = ReadOutputFormat(&body);
  ReadAnswering(api, &body, defaults, &chat);
  body.Texts("stop_sequences", kMostStopSequences, &chat.sampling.stop.texts);
  body.Count("max_tokens", {1, kMostTokens}, &chat.max_tokens);
  body.Pass({"cache_control", "container", "context_management", "mcp_servers", "betas",
             "inference_geo", "speed"});
  HADAL_TRY_STATUS(body.status());
  HADAL_TRY_STATUS(CheckUnknown(api, body, caller));
  return chat;
}

}  // namespace hadal::server
