#include "cli/chat_prompt.h"

#include "chat/encode.h"
#include "chat/prompt_tokens.h"

namespace hadal::cli {

Result<std::vector<std::int32_t>> QuestionTokens(const chat::Dialect& dialect,
                                                 const text::Tokenizer& tokenizer,
                                                 const std::string& question, bool think) {
  const chat::Message message{.role = chat::Role::kUser, .content = question};
  return chat::PromptTokens(tokenizer, chat::Encode(dialect, {&message, 1}, {.thinking = think}));
}

AnswerText::AnswerText(const chat::Dialect& dialect, bool think, talk::Screen* screen)
    : parser_(dialect, {.thinking = think}), screen_(screen) {
  if (screen_ != nullptr) screen_->BeginAnswer();
}

void AnswerText::Take(const std::vector<chat::StreamEvent>& events) {
  using Kind = chat::StreamEvent::Kind;
  for (const chat::StreamEvent& event : events) {
    if (event.kind != Kind::kReasoning && event.kind != Kind::kContent) continue;
    const bool reasoning = event.kind == Kind::kReasoning;
    (reasoning ? reasoning_ : content_) += event.text;
    if (screen_ != nullptr) screen_->Text(reasoning, event.text);
  }
}

}  // namespace hadal::cli
