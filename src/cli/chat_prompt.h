// `hadal run --chat`: one question as a conversation's only message, and its answer told apart.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/stream_parser.h"
#include "talk/screen.h"
#include "text/tokenizer.h"

namespace hadal::cli {

Result<std::vector<std::int32_t>> QuestionTokens(const chat::Dialect& dialect,
                                                 const text::Tokenizer& tokenizer,
                                                 const std::string& question, bool think);

// Takes the text as it comes: to the screen, if there is one, and together.
class AnswerText {
 public:
  AnswerText(const chat::Dialect& dialect, bool think, talk::Screen* screen);
  void Push(std::string_view text) { Take(parser_.Push(text)); }
  void Finish() { Take(parser_.Finish()); }

  const std::string& reasoning() const { return reasoning_; }
  const std::string& content() const { return content_; }

 private:
  void Take(const std::vector<chat::StreamEvent>& events);

  chat::StreamParser parser_;
  talk::Screen* screen_;
  std::string reasoning_, content_;
};

}  // namespace hadal::cli
