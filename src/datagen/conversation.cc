#include "datagen/conversation.h"

#include <utility>

#include "chat/encode.h"
#include "text/answer_marks.h"

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

std::string MarkAnswers(std::string_view text) {
  const chat::Dialect& dialect = chat::kDeepSeekV4;
  std::string marked;
  for (;;) {
    std::size_t begin = text.find(dialect.assistant);
    if (begin == std::string_view::npos) return marked += text;
    begin += dialect.assistant.size();
    for (const std::string_view opening : {dialect.think_begin, dialect.think_end})
      if (text.substr(begin).starts_with(opening)) begin += opening.size();
    const std::size_t eos = text.find(dialect.eos, begin);
    const std::size_t end = eos == std::string_view::npos ? text.size() : eos + dialect.eos.size();
    marked += text.substr(0, begin);
    marked += text::kAnswerBegin;
    marked += text.substr(begin, end - begin);
    marked += text::kAnswerEnd;
    text.remove_prefix(end);
  }
}

}  // namespace hadal::datagen
