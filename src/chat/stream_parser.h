// A completion read piece by piece, as it is generated: reasoning, content and tool calls as they
// come.
//
//   StreamParser parser(kDeepSeekV4, {.thinking = true, .tools = true});
//   for (piece : pieces) for (const StreamEvent& event : parser.Push(piece)) ...
//   for (const StreamEvent& event : parser.Finish()) ...
//
// However the text is cut into pieces (inside a character too), the events of each kind concatenate
// to the same; of what ParseCompletion accepts, to its message. Unlike that parser this one refuses
// nothing: what is malformed is given out as text, with a warning, and no text is lost. What could
// be the beginning of a tag is held back until it is clear, at the latest until Finish.
//
//   - a call's name comes once (kCallBegin), its arguments as pieces of a JSON object (kArguments);
//     they stay open if the text ends inside them;
//   - calls inside the reasoning are calls; the reasoning goes on behind them;
//   - without tools on offer nothing is a call: the markup is text.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/dialect.h"

namespace hadal::chat {

struct StreamEvent {
  enum class Kind { kReasoning, kContent, kCallBegin, kArguments, kCallEnd, kWarning };
  Kind kind;
  std::string text;      // of kCallBegin the function's name, of kWarning what was wrong
  std::size_t call = 0;  // of events of calls: which, from 0
};

struct StreamOptions {
  bool thinking = true;  // the text begins inside the reasoning
  bool tools = false;    // functions are on offer
};

class StreamParser {
 public:
  StreamParser(const Dialect& dialect, StreamOptions options);

  std::vector<StreamEvent> Push(std::string_view text);
  std::vector<StreamEvent> Finish();  // the text has ended; nothing may be pushed afterwards
  // What waits, and what Finish would give out as text, is markup of calls that has begun well:
  // where a text was cut, no part of an answer.
  bool inside_calls() const;

 private:
  using Kind = StreamEvent::Kind;
  enum class State { kText, kCalls, kParameters, kValue, kEnded };

  bool Step();            // understands some of what is waiting; false: it must wait for more
  bool StepText();        // reasoning or content, up to a mark
  bool StepCalls();       // between the calls of a block
  bool StepParameters();  // inside a call
  bool StepValue();       // inside a parameter
  bool StepEnded();
  void DropBegunTag();  // behind the end
  void Run();

  bool BeginCall(std::string_view tag);
  bool BeginParameter(std::string_view tag);
  void EndCall();
  void Emit(Kind kind, std::string_view text);
  void EmitValue(std::string_view text);
  // Takes `bytes` of what is waiting as markup, given back as text if what follows is malformed.
  void Take(std::size_t bytes);
  bool Malformed(const char* what);
  // A tag that waits at the front, from its `begin` to its bracket; none: it is not complete.
  std::optional<std::string_view> WholeTag() const;
  enum class Front { kYes, kNo, kUnclear };
  Front StartsWith(std::string_view mark) const;
  std::size_t Spaces() const;  // how many wait at the front

  const Dialect& d_;
  const StreamOptions options_;
  const std::string block_begin_, loose_block_begin_, block_end_, invoke_begin_, invoke_end_,
      parameter_begin_, parameter_end_;
  State state_ = State::kText;
  bool reasoning_ = false;  // of text: which kind it is
  bool at_start_ = true;    // nothing has been given out yet
  bool finishing_ = false;
  bool value_is_text_ = false;
  std::size_t calls_ = 0, parameters_ = 0;
  std::string waiting_;  // what has not been understood yet
  std::string markup_;   // what has been, and has no event yet
  std::vector<StreamEvent> events_;
};

}  // namespace hadal::chat
