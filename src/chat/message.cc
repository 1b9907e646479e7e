#include "chat/message.h"

#include <array>
#include <utility>

#include "base/quote.h"
#include "chat/functions.h"

namespace hadal::chat {
namespace {

constexpr std::array<const char*, 6> kRoles = {"system",    "developer", "user",
                                               "assistant", "tool",      "latest_reminder"};

Error Expected(const std::string& place, const Json* found, const char* expected) {
  return Fail(Code::kInvalid, "{}: found {}, expected {}", place,
              found == nullptr ? "nothing" : found->KindName(), expected);
}

// Absent and null are "".
Result<std::string> TextField(const Json& object, const std::string& key) {
  const Json* field = object.Find(key);
  if (field == nullptr || field->is_null()) return std::string();
  if (field->AsString() == nullptr) return Expected(key, field, "a string");
  return *field->AsString();
}

Result<bool> FlagField(const Json& object, const std::string& key) {
  const Json* field = object.Find(key);
  if (field == nullptr || field->is_null()) return false;
  if (field->AsBool() == nullptr) return Expected(key, field, "true or false");
  return *field->AsBool();
}

// null, false, 0 and what is empty: such a schema counts as none.
bool IsNothing(const Json& json) {
  if (json.AsObject() != nullptr) return json.AsObject()->empty();
  if (json.AsArray() != nullptr) return json.AsArray()->empty();
  if (json.AsString() != nullptr) return json.AsString()->empty();
  if (json.AsBool() != nullptr) return !*json.AsBool();
  return json.is_null() || json.AsNumber() == 0.0;
}

Result<std::string> TextOfPart(const Json& part, const std::string& place) {
  HADAL_TRY(const std::string type, TextField(part, "type"));
  if (type == "refusal") return TextField(part, "refusal");  // what an assistant said instead
  if (type != "text")
    return Fail(Code::kInvalid, "{}.type: found {}, expected \"text\"", place, Quote(type));
  return TextField(part, "text");
}

// A string, or a list of text parts.
Result<std::string> Content(const Json& message) {
  const Json* field = message.Find("content");
  if (field == nullptr || field->AsArray() == nullptr) return TextField(message, "content");
  std::string content;
  const Json::Array& parts = *field->AsArray();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    HADAL_TRY(const std::string text, TextOfPart(parts[i], fmt::format("content[{}]", i)));
    content += (i == 0 ? "" : "\n\n") + text;
  }
  return content;
}

Result<Role> ReadRole(const Json& message) {
  HADAL_TRY(const std::string name, TextField(message, "role"));
  for (std::size_t i = 0; i < kRoles.size(); ++i)
    if (name == kRoles[i]) return static_cast<Role>(i);
  return Fail(Code::kInvalid, "role: found {}, expected one of {}", Quote(name),
              fmt::join(kRoles, ", "));
}

Result<ToolCall> ReadCall(const Json& json) {
  const Json* function = json.Find("function");
  if (function == nullptr || function->AsObject() == nullptr)
    return Expected("function", function, "an object");
  ToolCall call;
  HADAL_TRY(call.id, TextField(json, "id"));
  HADAL_TRY(call.name, TextField(*function, "name"));
  const Json* arguments = function->Find("arguments");
  // Some clients send the object itself.
  if (arguments != nullptr && arguments->AsObject() != nullptr) {
    call.arguments = arguments->Dump();
  } else {
    HADAL_TRY(call.arguments, TextField(*function, "arguments"));
  }
  return call;
}

Result<std::vector<ToolCall>> ReadCalls(const Json& message) {
  std::vector<ToolCall> calls;
  const Json* field = message.Find("tool_calls");
  if (field == nullptr || field->is_null()) return calls;
  if (field->AsArray() == nullptr) return Expected("tool_calls", field, "an array");
  for (const Json& item : *field->AsArray()) {
    auto call = ReadCall(item);
    if (!call.ok()) return Within(fmt::format("tool_calls[{}]", calls.size()), call.error());
    calls.push_back(std::move(*call));
  }
  return calls;
}

Result<Message> ReadMessage(const Json& json) {
  if (json.AsObject() == nullptr)
    return Fail(Code::kInvalid, "found {}, expected an object", json.KindName());
  Message message;
  HADAL_TRY(message.role, ReadRole(json));
  HADAL_TRY(message.content, Content(json));
  if (message.role == Role::kAssistant && message.content.empty()) {
    HADAL_TRY(message.content, TextField(json, "refusal"));
  }
  HADAL_TRY(message.reasoning, TextField(json, "reasoning_content"));
  // Another name of it; an object of this name is something else.
  if (const Json* other = json.Find("reasoning"); message.reasoning.empty() && other != nullptr)
    if (other->AsString() != nullptr) message.reasoning = *other->AsString();
  HADAL_TRY(message.tool_calls, ReadCalls(json));
  HADAL_TRY(message.tool_call_id, TextField(json, "tool_call_id"));
  HADAL_TRY(message.task, TextField(json, "task"));
  if (const Json* tools = json.Find("tools"); tools != nullptr && !tools->is_null()) {
    HADAL_TRY(message.tools, ParseTools(*tools));
  }
  if (const Json* format = json.Find("response_format"); format != nullptr && !IsNothing(*format))
    message.response_format = *format;
  HADAL_TRY(message.wo_eos, FlagField(json, "wo_eos"));
  return message;
}

}  // namespace

const char* RoleName(Role role) { return kRoles[static_cast<std::size_t>(role)]; }

Result<std::vector<Message>> ParseMessages(const Json& json) {
  if (json.AsArray() == nullptr) return Expected("messages", &json, "an array");
  std::vector<Message> messages;
  for (const Json& item : *json.AsArray()) {
    auto message = ReadMessage(item);
    if (!message.ok()) return Within(fmt::format("messages[{}]", messages.size()), message.error());
    messages.push_back(std::move(*message));
  }
  return messages;
}

Result<std::vector<Json>> ParseTools(const Json& json) {
  if (json.AsArray() == nullptr) return Expected("tools", &json, "an array");
  Functions functions;
  std::size_t number = 0;
  for (const Json& item : *json.AsArray()) {
    const std::string place = fmt::format("tools[{}]", number++);
    const Json* type = item.Find("type");
    if (type != nullptr && !type->is_null() &&
        (type->AsString() == nullptr || *type->AsString() != "function"))
      return Fail(Code::kInvalid, "{}.type: found {}, expected \"function\"", place,
                  Quote(type->Dump()));
    const Json* function = item.Find("function");
    if (function == nullptr || function->AsObject() == nullptr)
      return Expected(place + ".function", function, "an object");
    HADAL_TRY_STATUS(functions.Add(*function, place + ".function"));
  }
  return std::move(functions).Take();
}

Json MessageJson(const Message& message) {
  Json::Array calls;
  for (const ToolCall& call : message.tool_calls) {
    Json json = Json::MakeObject({});
    if (!call.id.empty()) json.Set("id", call.id);
    json.Set("type", "function");
    json.Set("function", Json::MakeObject({{"name", call.name}, {"arguments", call.arguments}}));
    calls.push_back(std::move(json));
  }
  return Json::MakeObject({{"role", RoleName(message.role)},
                           {"content", message.content},
                           {"reasoning_content", message.reasoning},
                           {"tool_calls", std::move(calls)}});
}

}  // namespace hadal::chat
