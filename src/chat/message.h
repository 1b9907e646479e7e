// Conversations as data: what clients send, and what completions become.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::chat {

enum class Role { kSystem, kDeveloper, kUser, kAssistant, kTool, kLatestReminder };
const char* RoleName(Role role);  // as in JSON: "latest_reminder"

struct ToolCall {
  std::string id;  // empty: none was given
  std::string name;
  std::string arguments;  // text, by convention a JSON object; need not be one
};

struct Message {
  Role role = Role::kUser;
  std::string content = {};               // text parts joined by an empty line
  std::string reasoning = {};             // of an assistant
  std::vector<ToolCall> tool_calls = {};  // of an assistant
  std::string tool_call_id = {};          // of a tool's result
  // Of a system or developer, as the formats have it; of others they are passed over:
  std::vector<Json> tools = {};  // functions on offer: {"name", "description", "parameters"}
  std::optional<Json> response_format = {};  // a schema that the reply must obey
  std::string task =
      {};  // of a user: a quick instruction ("action", "title", ...) instead of a reply
  bool wo_eos = false;  // of an assistant: its turn goes on, and has no end
  // Of an assistant: the very tokens of its turn, without what opens and ends it. They stand in the
  // prompt in place of the fields where the turn thinks as it did then, so that the prompt is what
  // a cache holds. Empty: not known.
  std::vector<std::int32_t> sampled = {};
  bool sampled_thinking = false;
};

// An array of messages in the form of the chat completions API. Absent and null fields are alike;
// fields that no prompt depends on are passed over. kInvalid: "messages[2]: role: found ...,
// expected ...".
Result<std::vector<Message>> ParseMessages(const Json& json);

// The "function" objects of [{"type": "function", "function": {...}}] (chat/functions.h). kInvalid
// names the field.
Result<std::vector<Json>> ParseTools(const Json& json);

// {"role", "content", "reasoning_content", "tool_calls"}; a call's id only if it has one.
Json MessageJson(const Message& message);

}  // namespace hadal::chat
