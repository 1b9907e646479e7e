#include "chat/stream_parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/json.h"
#include "text/utf8.h"

namespace hadal::chat {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// The first of some marks in a text, and how much in front of it is surely text: not a mark, not
// the beginning of one that the text ends in, and no part of a character.
struct Split {
  std::size_t sure = 0;
  std::string_view mark = {};  // empty: none
};

Split SplitAt(std::string_view text, std::initializer_list<std::string_view> marks, bool last) {
  Split split{text.size(), {}};
  for (const std::string_view mark : marks) {
    const std::size_t at = mark.empty() ? text.npos : text.find(mark);
    if (at < split.sure) split = {at, mark};
  }
  if (!split.mark.empty() || last) return split;
  for (const std::string_view mark : marks)
    for (std::size_t size = std::min(mark.size(), text.size() + 1); size-- > 1;)
      if (text.ends_with(mark.substr(0, size))) {
        split.sure = std::min(split.sure, text.size() - size);
        break;
      }
  split.sure = std::min(split.sure, text.size() - text::IncompleteUtf8Tail(text));
  return split;
}

// The value of name="..." at the front of `text`, and what is behind it.
std::optional<std::string_view> Attribute(std::string_view name, std::string_view* text) {
  const std::string begin = " " + std::string(name) + "=\"";
  if (!text->starts_with(begin)) return std::nullopt;
  const std::size_t end = text->find('"', begin.size());
  if (end == text->npos) return std::nullopt;
  const std::string_view value = text->substr(begin.size(), end - begin.size());
  text->remove_prefix(end + 1);
  return value;
}

// The inside of a JSON string.
std::string Escaped(std::string_view text) {
  const std::string quoted = Json(text).Dump();
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

StreamParser::StreamParser(const Dialect& dialect, StreamOptions options)
    : d_(dialect),
      options_(options),
      block_begin_(CallsBegin(d_)),
      loose_block_begin_(block_begin_.substr(2)),
      block_end_("</" + loose_block_begin_.substr(1)),
      invoke_begin_("<" + std::string(d_.dsml) + "invoke"),
      invoke_end_("</" + std::string(d_.dsml) + "invoke>"),
      parameter_begin_("<" + std::string(d_.dsml) + "parameter"),
      parameter_end_("</" + std::string(d_.dsml) + "parameter>"),
      reasoning_(options.thinking) {}

std::vector<StreamEvent> StreamParser::Push(std::string_view text) {
  waiting_ += text;
  Run();
  return std::exchange(events_, {});
}

std::vector<StreamEvent> StreamParser::Finish() {
  finishing_ = true;
  Run();
  if (state_ == State::kCalls || state_ == State::kParameters || state_ == State::kValue) {
    Emit(Kind::kWarning, "the text ends inside a tool call");
    // A tag that was never finished is text; of a call that has begun, its arguments stay open.
    std::string rest = std::exchange(markup_, {}) + std::exchange(waiting_, {});
    if (rest.find_first_not_of(kSpace) != rest.npos)
      Emit(reasoning_ ? Kind::kReasoning : Kind::kContent, rest);
  }
  return std::exchange(events_, {});
}

bool StreamParser::inside_calls() const {
  if (state_ == State::kCalls || state_ == State::kParameters || state_ == State::kValue)
    return true;
  // The block's own tag, as far as its control token.
  return state_ == State::kText && options_.tools && !d_.dsml.empty() &&
         waiting_.find("<" + std::string(d_.dsml)) != waiting_.npos;
}

void StreamParser::Run() {
  while (Step()) {
  }
}

bool StreamParser::Step() {
  switch (state_) {
    case State::kText:
      return StepText();
    case State::kCalls:
      return StepCalls();
    case State::kParameters:
      return StepParameters();
    case State::kValue:
      return StepValue();
    case State::kEnded:
      break;
  }
  return StepEnded();
}

bool StreamParser::StepText() {
  const Kind kind = reasoning_ ? Kind::kReasoning : Kind::kContent;
  // A model may open its reasoning although it was not asked to.
  if (at_start_ && !reasoning_) {
    const Front front = StartsWith(d_.think_begin);
    if (front == Front::kUnclear && !finishing_) return false;
    if (front == Front::kYes) {
      waiting_.erase(0, d_.think_begin.size());
      reasoning_ = true;
      return true;
    }
  }
  const std::string_view think_end = reasoning_ ? d_.think_end : std::string_view();
  const Split split =
      options_.tools
          ? SplitAt(waiting_, {block_begin_, loose_block_begin_, think_end, d_.eos}, finishing_)
          : SplitAt(waiting_, {think_end, d_.eos}, finishing_);
  Emit(kind, std::string_view(waiting_).substr(0, split.sure));
  waiting_.erase(0, split.sure);
  if (split.mark.empty()) return false;
  at_start_ = false;
  if (split.mark == d_.eos) {
    waiting_.erase(0, split.mark.size());
    state_ = State::kEnded;
  } else if (split.mark == think_end) {
    waiting_.erase(0, split.mark.size());
    reasoning_ = false;
  } else {
    Take(split.mark.size());
    state_ = State::kCalls;
  }
  return true;
}

bool StreamParser::StepCalls() {
  Take(Spaces());
  const Front end = StartsWith(block_end_), call = StartsWith(invoke_begin_);
  if (end == Front::kYes) {
    waiting_.erase(0, block_end_.size());
    markup_.clear();
    state_ = State::kText;
    return true;
  }
  if (call == Front::kYes) {
    const auto tag = WholeTag();
    return tag && BeginCall(*tag);
  }
  if (end == Front::kUnclear || call == Front::kUnclear) return false;
  return Malformed("text where a tool call or the end of the calls was expected");
}

bool StreamParser::BeginCall(std::string_view tag) {
  std::string_view rest = tag.substr(invoke_begin_.size());
  const auto name = Attribute("name", &rest);
  if (!name || rest != ">") return Malformed("a tool call without a name");
  Emit(Kind::kCallBegin, *name);
  waiting_.erase(0, tag.size());
  markup_.clear();
  parameters_ = 0;
  state_ = State::kParameters;
  return true;
}

bool StreamParser::StepParameters() {
  Take(Spaces());
  const Front end = StartsWith(invoke_end_), parameter = StartsWith(parameter_begin_);
  if (end == Front::kYes) {
    waiting_.erase(0, invoke_end_.size());
    EndCall();
    state_ = State::kCalls;
    return true;
  }
  if (parameter == Front::kYes) {
    const auto tag = WholeTag();
    return tag && BeginParameter(*tag);
  }
  if (end == Front::kUnclear || parameter == Front::kUnclear) return false;
  EndCall();
  return Malformed("text where a parameter or the end of a tool call was expected");
}

bool StreamParser::BeginParameter(std::string_view tag) {
  std::string_view rest = tag.substr(parameter_begin_.size());
  const auto name = Attribute("name", &rest), kind = Attribute("string", &rest);
  if (!name || !kind || rest != ">" || (*kind != "true" && *kind != "false")) {
    EndCall();
    return Malformed("a parameter without a name or a kind");
  }
  value_is_text_ = *kind == "true";
  Emit(Kind::kArguments, (parameters_++ == 0 ? "{" : ", ") + Json(*name).Dump() + ": " +
                             (value_is_text_ ? "\"" : ""));
  waiting_.erase(0, tag.size());
  markup_.clear();
  state_ = State::kValue;
  return true;
}

bool StreamParser::StepValue() {
  if (finishing_) DropBegunTag();
  const Split split = SplitAt(waiting_, {parameter_end_}, finishing_);
  EmitValue(std::string_view(waiting_).substr(0, split.sure));
  waiting_.erase(0, split.sure);
  if (split.mark.empty()) return false;
  waiting_.erase(0, split.mark.size());
  if (value_is_text_) Emit(Kind::kArguments, "\"");
  state_ = State::kParameters;
  return true;
}

// Where a text is cut within the tag that ends a value, what there is of the tag is no part of it:
// if it has the tag's control token, or the value is JSON, which does not end so.
void StreamParser::DropBegunTag() {
  if (waiting_.find(parameter_end_) != waiting_.npos) return;
  const std::size_t begin = SplitAt(waiting_, {parameter_end_}, false).sure;
  if (!value_is_text_ || waiting_.find(d_.dsml, begin) != waiting_.npos) waiting_.resize(begin);
}

bool StreamParser::StepEnded() {
  if (waiting_.empty()) return false;
  Emit(Kind::kWarning, "the text goes on behind its end");
  state_ = State::kText;
  reasoning_ = false;
  return true;
}

void StreamParser::EndCall() {
  Emit(Kind::kArguments, parameters_ == 0 ? "{}" : "}");
  events_.push_back({Kind::kCallEnd, "", calls_});
  ++calls_;
  markup_.clear();
}

void StreamParser::Emit(Kind kind, std::string_view text) {
  if (text.empty() && kind != Kind::kCallBegin) return;
  at_start_ = false;
  events_.push_back({kind, std::string(text), calls_});
}

void StreamParser::EmitValue(std::string_view text) {
  if (!text.empty()) Emit(Kind::kArguments, value_is_text_ ? Escaped(text) : std::string(text));
}

void StreamParser::Take(std::size_t bytes) {
  markup_ += waiting_.substr(0, bytes);
  waiting_.erase(0, bytes);
}

bool StreamParser::Malformed(const char* what) {
  Emit(Kind::kWarning, what);
  // What could be read again as markup is given out as it is; what follows is text until a new
  // block.
  Emit(reasoning_ ? Kind::kReasoning : Kind::kContent, std::exchange(markup_, {}));
  state_ = State::kText;
  return true;
}

std::optional<std::string_view> StreamParser::WholeTag() const {
  const std::size_t end = waiting_.find('>');
  if (end == waiting_.npos) return std::nullopt;
  return std::string_view(waiting_).substr(0, end + 1);
}

StreamParser::Front StreamParser::StartsWith(std::string_view mark) const {
  if (waiting_.starts_with(mark)) return Front::kYes;
  return mark.starts_with(waiting_) ? Front::kUnclear : Front::kNo;
}

std::size_t StreamParser::Spaces() const {
  return std::min(waiting_.find_first_not_of(kSpace), waiting_.size());
}

}  // namespace hadal::chat
