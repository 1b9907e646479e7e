// The work of `hadal chat encode` and `hadal chat parse`: conversations to prompts and back, a line
// each.
#pragma once
#include <istream>
#include <ostream>

#include "base/result.h"
#include "chat/dialect.h"
#include "cli/commands.h"

namespace hadal::cli {

// {"messages": [...], "options": {...}, "tools": [...]} to {"prompt": "..."}; options and tools,
// which belong to the first message, may be absent.
Status ChatEncode(const chat::Dialect& dialect, std::istream& in, std::ostream& out);

// {"text": "...", "thinking_mode": "chat"|"thinking"} to {"message": {...}} or {"error": "...",
// "what": "..."}.
Status ChatParse(const chat::Dialect& dialect, std::istream& in, std::ostream& out);

// The conversation in the terminal: what `hadal chat` is without a command of its own.
void AddTalk(Command chat, Work* work);

}  // namespace hadal::cli
