#include "chat/parse.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/quote.h"

namespace hadal::chat {
namespace {

// The text in front of the first of some marks, and which of them that is (none: the text ended).
struct Found {
  std::string_view before;
  std::size_t mark = 0;
  bool ended = false;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Found Until(std::initializer_list<std::string_view> marks) {
    Found found{text_.substr(at_), 0, true};
    std::size_t length = 0, number = 0;
    for (const std::string_view mark : marks) {
      const std::size_t place = text_.find(mark, at_);
      if (place != std::string_view::npos && (found.ended || place < at_ + found.before.size())) {
        found = {text_.substr(at_, place - at_), number, false};
        length = mark.size();
      }
      ++number;
    }
    at_ += found.before.size() + length;
    return found;
  }
  bool AtEnd() const { return at_ == text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// The parts of TEXT that is before + value + after, or nothing.
std::optional<std::string_view> Between(std::string_view text, std::string_view before,
                                        std::string_view after) {
  if (text.size() < before.size() + after.size() || !text.starts_with(before) ||
      !text.ends_with(after))
    return std::nullopt;
  return text.substr(before.size(), text.size() - before.size() - after.size());
}

// The name of: name="..."> and a line's end, in front of it spaces, behind it at most another end.
std::optional<std::string_view> NameIn(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
  if (text.ends_with("\">\n\n")) text.remove_suffix(1);
  return Between(text, "name=\"", "\">\n");
}

// Where a parameter's name ends and its value begins: around " string="true"> or "false">.
struct Kind {
  std::size_t at = 0, end = 0;
  bool is_text = false;
};

std::optional<Kind> FirstKind(std::string_view text) {
  constexpr std::string_view kText = "\" string=\"true\">", kJson = "\" string=\"false\">";
  const std::size_t is_text = text.find(kText), is_json = text.find(kJson);
  if (is_text == text.npos && is_json == text.npos) return std::nullopt;
  if (is_text < is_json) return Kind{is_text, is_text + kText.size(), true};
  return Kind{is_json, is_json + kJson.size(), false};
}

struct Parameter {
  std::string key, json;
};

class Parser {
 public:
  Parser(const Dialect& dialect, std::string_view text)
      : d_(dialect),
        calls_begin_("\n\n<" + Tag(d_.tool_calls)),
        calls_end_("</" + Tag(d_.tool_calls) + ">"),
        invoke_begin_("<" + Tag("invoke")),
        invoke_end_("</" + Tag("invoke")),
        parameter_begin_("<" + Tag("parameter")),
        parameter_end_("/" + Tag("parameter")),
        scan_(text) {}

  std::variant<Message, ParseError> Run(bool thinking) {
    Message message;
    message.role = Role::kAssistant;
    if (thinking) {
      const Found found = scan_.Until({d_.think_end, calls_begin_});
      if (found.ended || found.mark != 0) return Structure("the reasoning is not closed");
      message.reasoning = found.before;
    }
    const Found content = scan_.Until({d_.eos, calls_begin_});
    message.content = content.before;
    if (content.ended) return Structure("the turn is not closed");
    if (content.mark == 1) {
      if (!Calls(&message.tool_calls)) return std::move(*error_);
      if (const Found rest = scan_.Until({d_.eos}); !rest.before.empty())
        return Structure("behind the calls: " + Quote(rest.before));
    }
    if (!scan_.AtEnd()) return Structure("the text goes on behind its end");
    for (const std::string_view token : {d_.bos, d_.eos, d_.think_begin, d_.think_end, d_.dsml})
      if (message.content.find(token) != std::string::npos ||
          message.reasoning.find(token) != std::string::npos)
        return Structure("the control token " + std::string(token) + " inside the text");
    return message;
  }

 private:
  std::string Tag(std::string_view name) const { return std::string(d_.dsml) + std::string(name); }
  static ParseError Structure(std::string what) {
    return {ParseFault::kStructure, std::move(what)};
  }
  bool Malformed(std::string what) {
    error_ = ParseError{ParseFault::kCalls, std::move(what)};
    return false;
  }

  // From behind "<｜DSML｜tool_calls" to behind its closing tag. The text may also end where a tag
  // of the block does.
  bool Calls(std::vector<ToolCall>* calls) {
    while (!scan_.AtEnd()) {
      const Found found = scan_.Until({invoke_begin_, calls_end_});
      if (found.ended) return Malformed("the calls are not closed");
      if (found.before != ">\n") return Malformed("between calls: " + Quote(found.before));
      if (found.mark == 1) return true;
      if (!Call(calls)) return false;
    }
    return true;
  }

  // From behind "<｜DSML｜invoke" to behind the name of its closing tag.
  bool Call(std::vector<ToolCall>* calls) {
    Found found = scan_.Until({parameter_begin_, invoke_end_});
    const auto name = NameIn(found.before);
    if (!name) return Malformed("a call's name: " + Quote(found.before));
    std::vector<Parameter> parameters;
    while (!found.ended && found.mark == 0) {
      if (!Value(&parameters)) return false;
      found = scan_.Until({parameter_begin_, invoke_end_});
      if (found.before != ">\n") return Malformed("behind a parameter: " + Quote(found.before));
    }
    calls->push_back({"", std::string(*name), Arguments(parameters)});
    return true;
  }

  // From behind "<｜DSML｜parameter" to behind the name of its closing tag.
  bool Value(std::vector<Parameter>* parameters) {
    const Found found = scan_.Until({parameter_end_});
    std::string_view text = found.before;
    if (text.ends_with("<\n")) text.remove_suffix(1);
    const auto inside = Between(text, " name=\"", "<");
    if (found.ended || !inside) return Malformed("a parameter: " + Quote(found.before));
    const auto kind = FirstKind(*inside);
    if (!kind) return Malformed("a parameter's kind: " + Quote(found.before));
    const std::string key(inside->substr(0, kind->at));
    for (const Parameter& other : *parameters)
      if (other.key == key) return Malformed("a parameter given twice: " + Quote(key));
    const std::string_view value = inside->substr(kind->end);
    parameters->push_back({key, kind->is_text ? Json(value).Dump() : std::string(value)});
    return true;
  }

  static std::string Arguments(const std::vector<Parameter>& parameters) {
    std::string out = "{";
    for (const Parameter& parameter : parameters)
      out += (out.size() > 1 ? ", " : "") + Json(parameter.key).Dump() + ": " + parameter.json;
    return out + "}";
  }

  const Dialect& d_;
  const std::string calls_begin_, calls_end_, invoke_begin_, invoke_end_, parameter_begin_,
      parameter_end_;
  Scanner scan_;
  std::optional<ParseError> error_;
};

}  // namespace

const char* ParseFaultName(ParseFault fault) {
  return fault == ParseFault::kCalls ? "ValueError" : "AssertionError";
}

std::variant<Message, ParseError> ParseCompletion(const Dialect& dialect, std::string_view text,
                                                  bool thinking) {
  return Parser(dialect, text).Run(thinking);
}

}  // namespace hadal::chat
