// A conversation as the published chat format writes it: a document for the trainer.
#pragma once
#include <string>
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

}  // namespace hadal::datagen
