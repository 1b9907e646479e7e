// What the user sees: text as it comes, reasoning dimmed or folded into one line, and a status line
// behind each answer. In a pipe, answers alone.
//
// What a model writes is shown, not obeyed: on a terminal its control characters are escaped.
#pragma once
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "talk/answerer.h"

namespace hadal::talk {

struct ScreenOptions {
  bool terminal = false;  // somebody watches
  bool colours = false;   // and sees colours
};
// As stdout is: colours on a terminal, unless NO_COLOR is set or TERM is dumb.
ScreenOptions ScreenOfStdout();

class Screen {
 public:
  Screen(std::ostream& out, ScreenOptions options) : out_(out), o_(options) {}

  bool terminal() const { return o_.terminal; }
  bool folded() const { return folded_; }
  void set_folded(bool folded) { folded_ = folded; }

  std::string Prompt(bool more) const;  // in front of what the user types; more: goes on with it
  void Note(std::string_view text);     // lines of the program, not of the model; none in a pipe
  void Say(std::string_view text);      // the same, also in a pipe

  void BeginAnswer();
  void Text(bool reasoning, std::string_view text);
  void EndAnswer(const Answer& answer, const ContextUse& use);
  void FailAnswer();  // an error follows
  // Reasoning that is over, whole and dimmed.
  void ShowReasoning(const std::string& reasoning);

 private:
  enum class Style { kPlain, kDim, kBold };
  void Write(std::string_view text);
  void Switch(Style style);
  void Thinking();  // the one line of folded reasoning, drawn anew
  void EndReasoning();

  std::ostream& out_;
  const ScreenOptions o_;
  bool folded_ = false;
  Style style_ = Style::kPlain;
  bool reasoning_ = false, answering_ = false;  // what this answer is at
  bool line_begun_ = false;                     // the cursor is not at the beginning of a line
  double drawn_ = -1;                           // when Thinking was, by clock_
  Stopwatch clock_;                             // of the answer
};

}  // namespace hadal::talk
