#include "datagen/conversation.h"

#include <utility>

#include "chat/encode.h"

namespace hadal::datagen {

using chat::Role;

void Conversation::System(std::string text, std::vector<Json> tools) {
  messages_.push_back(
      {.role = Role::kSystem, .content = std::move(text), .tools = std::move(tools)});
}

void Conversation::User(std::string text) {
  messages_.push_back({.role = Role::kUser, .content = std::move(text)});
}

void Conversation::Assistant(std::string text, std::string reasoning) {
  thinking_ |= !reasoning.empty();
  messages_.push_back(
      {.role = Role::kAssistant, .content = std::move(text), .reasoning = std::move(reasoning)});
}

void Conversation::Call(std::vector<chat::ToolCall> calls, std::string text) {
  messages_.push_back(
      {.role = Role::kAssistant, .content = std::move(text), .tool_calls = std::move(calls)});
}

void Conversation::ToolResult(std::string text, std::string call_id) {
  messages_.push_back(
      {.role = Role::kTool, .content = std::move(text), .tool_call_id = std::move(call_id)});
}

std::string Conversation::Text() const {
  // Every turn keeps its reasoning: all of them are to be learnt.
  std::string text = chat::Encode(chat::kDeepSeekV4, messages_,
                                  {.thinking = thinking_, .drop_thinking = false, .bos = false})
                         .Whole();
  const std::string_view eos = chat::kDeepSeekV4.eos;
  if (text.ends_with(eos)) text.resize(text.size() - eos.size());
  return text;
}

}  // namespace hadal::datagen
