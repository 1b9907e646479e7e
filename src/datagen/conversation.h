// A conversation as the published chat format writes it: a document for the trainer.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "chat/message.h"

namespace hadal::datagen {

class Conversation {
 public:
  void System(std::string text, std::vector<Json> tools = {});
  void User(std::string text);
  // With reasoning anywhere, the conversation is one in thinking mode.
  void Assistant(std::string text, std::string reasoning = {});
  void Call(std::vector<chat::ToolCall> calls, std::string text = {});
  void ToolResult(std::string text, std::string call_id);

  // Without BOS in front and EOS behind: who makes documents of texts puts them there.
  std::string Text() const;
  const std::vector<chat::Message>& messages() const { return messages_; }

 private:
  std::vector<chat::Message> messages_;
  bool thinking_ = false;
};

// A conversation's text with marks round what the assistant says, its reasoning and the token that
// ends it too (text/answer_marks.h): so a model learns to answer, and not to ask.
std::string MarkAnswers(std::string_view text);

}  // namespace hadal::datagen
