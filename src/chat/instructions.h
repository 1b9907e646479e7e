// Where clients of the usual APIs put instructions, in terms of the published formats.
#pragma once
#include <vector>

#include "chat/message.h"

namespace hadal::chat {

// A developer's message is what a system's was before (OpenAI), so it becomes one: the formats keep
// a developer's for an agent of their own, and drop an old one with its turn's reasoning.
//
// A format writes a system's message as bare text wherever it stands, and opens a reply behind a
// user's or a tool's turn alone. One that a reply is to follow, with nothing but others of its kind
// between, and one behind a user or a tool are therefore the user's: text of the same turn. One
// between a reply and the next question stays, and so does what is on offer, in front.
void PlaceInstructions(std::vector<Message>* messages);

}  // namespace hadal::chat
