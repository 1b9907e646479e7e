// A whole completion back to a message, strictly: what the published parser refuses is an error
// here too. A server, which must not lose text, reads completions piece by piece and more gently.
//
//   thinking   REASONING</think>CONTENT[calls]EOS
//   otherwise  CONTENT[calls]EOS
//   calls      "\n\n" and the tag of tool calls with invocations and their parameters; EOS may be
//              missing behind it
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py, parse_message_from_completion_text.
#pragma once
#include <string>
#include <string_view>
#include <variant>

#include "chat/dialect.h"
#include "chat/message.h"

namespace hadal::chat {

// The two ways in which the published parser fails, by its own names.
enum class ParseFault {
  // "AssertionError": the turn is not closed, goes on behind its end, or holds a control token
  kStructure,
  kCalls,  // "ValueError": the text of the calls is malformed or cut
};
const char* ParseFaultName(ParseFault fault);

struct ParseError {
  ParseFault fault;
  std::string what;  // what was found where
};

std::variant<Message, ParseError> ParseCompletion(const Dialect& dialect, std::string_view text,
                                                  bool thinking);

}  // namespace hadal::chat
