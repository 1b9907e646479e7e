#include "talk/screen.h"

#include <algorithm>
#include <cstdlib>

#include "base/progress.h"
#include "base/quote.h"
#include "base/units.h"

namespace hadal::talk {
namespace {

constexpr const char *kDimOn = "\033[2m", *kBoldOn = "\033[1m", *kStyleOff = "\033[0m";
constexpr const char* kClearLine = "\r\033[K";
constexpr double kRedraw = 0.2;  // seconds

std::string StatusLine(const Answer& answer, const ContextUse& use) {
  std::string line = fmt::format("{}{} tokens", answer.about ? "about " : "",
                                 FormatCount(answer.generated_tokens));
  if (answer.tokens_per_s() > 0) line += fmt::format(" at {:.1f}/s", answer.tokens_per_s());
  if (answer.end == Answer::End::kStopped) line += ", stopped";
  if (answer.end == Answer::End::kLimit) line += ", cut at the token limit";
  if (use.limit > 0)
    line += fmt::format(" · context {} of {} ({:.0f}%)", FormatCount(use.tokens),
                        FormatCount(use.limit),
                        100.0 * static_cast<double>(use.tokens) / static_cast<double>(use.limit));
  else if (use.tokens > 0)
    line += fmt::format(" · context {}", FormatCount(use.tokens));
  if (use.cache_bytes > 0) line += fmt::format(" · cache {}", FormatBytes(use.cache_bytes));
  return line;
}

}  // namespace

ScreenOptions ScreenOfStdout() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  const char* kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || std::string_view(kind) == "dumb";
  const bool terminal = IsTerminal(1);
  return {.terminal = terminal, .colours = terminal && !dumb && !set("NO_COLOR")};
}

void Screen::Switch(Style style) {
  if (style == style_ || !o_.colours) return;
  out_ << kStyleOff;
  if (style != Style::kPlain) out_ << (style == Style::kDim ? kDimOn : kBoldOn);
  style_ = style;
}

void Screen::Write(std::string_view text) {
  if (text.empty()) return;
  if (o_.terminal)
    out_ << EscapeLines(text);
  else
    out_ << text;
  line_begun_ = text.back() != '\n';
}

// Between two of \1 is what takes no room on the line (talk/edited_lines.cc).
std::string Screen::Prompt(bool more) const {
  const std::string mark = more ? "… " : "> ";
  if (!o_.colours) return mark;
  return fmt::format("\1{}\1{}\1{}\1", kBoldOn, mark, kStyleOff);
}

void Screen::Note(std::string_view text) {
  if (!o_.terminal) return;
  Switch(Style::kDim);
  Say(text);
  Switch(Style::kPlain);
  out_.flush();
}

void Screen::Say(std::string_view text) {
  if (line_begun_) out_ << '\n';
  Write(text);
  if (line_begun_) out_ << '\n';
  line_begun_ = false;
  out_.flush();
}

void Screen::BeginAnswer() {
  reasoning_ = answering_ = false;
  drawn_ = -1;
  clock_ = Stopwatch();
}

void Screen::Thinking() {
  if (drawn_ >= 0 && clock_.seconds() - drawn_ < kRedraw) return;
  drawn_ = clock_.seconds();
  Switch(Style::kDim);
  out_ << (o_.colours ? kClearLine : "\r")
       << fmt::format("▸ thinking for {} ...", FormatDuration(drawn_));
  out_.flush();
  line_begun_ = true;
}

void Screen::EndReasoning() {
  if (!reasoning_) return;
  reasoning_ = false;
  Switch(Style::kDim);
  if (folded_)
    out_ << (o_.colours ? kClearLine : "\r");
  else if (line_begun_)
    out_ << '\n';
  out_ << fmt::format("▾ thought for {}{}\n", FormatDuration(clock_.seconds()),
                      folded_ ? "; /fold shows it" : "");
  line_begun_ = false;
  Switch(Style::kPlain);
}

void Screen::Text(bool reasoning, std::string_view text) {
  if (reasoning && !o_.terminal) return;
  if (reasoning && folded_) {
    reasoning_ = true;
    return Thinking();
  }
  if (!reasoning) EndReasoning();
  // Both may begin with empty lines.
  bool& begun = reasoning ? reasoning_ : answering_;
  if (!begun) text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
  if (text.empty()) return;
  begun = true;
  Switch(reasoning ? Style::kDim : Style::kPlain);
  Write(text);
  out_.flush();
}

void Screen::EndAnswer(const Answer& answer, const ContextUse& use) {
  EndReasoning();
  Switch(Style::kPlain);
  if (line_begun_) out_ << '\n';
  line_begun_ = false;
  Note("  " + StatusLine(answer, use));
  if (o_.terminal) out_ << '\n';
  out_.flush();
}

void Screen::FailAnswer() {
  Switch(Style::kPlain);
  if (line_begun_) out_ << '\n';
  line_begun_ = reasoning_ = false;
  out_.flush();
}

void Screen::ShowReasoning(const std::string& reasoning) {
  Switch(Style::kDim);
  Say(reasoning);
  Switch(Style::kPlain);
  out_.flush();
}

}  // namespace hadal::talk
