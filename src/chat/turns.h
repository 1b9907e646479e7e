// Messages as the encoding sees them: tools' results inside user turns, and old reasoning gone.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chat/message.h"

namespace hadal::chat {

// A part of a turn of users or tools: a text, or a tool's result with the id of its call.
struct TurnPart {
  bool result = false;
  std::string text, call_id;
};

struct Turn {
  Message message;
  std::vector<TurnPart> parts;  // of a user's or of tools; else empty
};

// join: as Dialect::joins_turns. A turn that is joined is a user's, one of results alone as well;
// otherwise neighbouring results are a turn of role kTool.
std::vector<Turn> MakeTurns(std::span<const Message> messages, bool join);

// The last turn of a user or developer; none if there is none.
std::optional<std::size_t> LastAsked(const std::vector<Turn>& turns);

// Without the reasoning, and the developers' turns, in front of the last turn that asks.
std::vector<Turn> DropOldThinking(std::vector<Turn> turns);

}  // namespace hadal::chat
