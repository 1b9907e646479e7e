// Small talk that stays with what was said: names told and asked for again, likes, greetings,
// simple facts about words and numbers, and questions that only the world could answer.
#pragma once
#include <string>

#include "base/random.h"
#include "datagen/conversation.h"
#include "datagen/half.h"

namespace hadal::datagen {

Conversation MakeDialogue(Half half, Random* random);

struct TurnQuestion {
  Conversation talk;  // up to a question of the user's
  std::string value;  // what every right answer names; empty: it cannot be known
};
// About what the user said one to three turns before the one in front of it.
TurnQuestion MakeMemoryQuestion(Half half, Random* random);
// About the world, of which the conversation says nothing.
TurnQuestion MakeUnknowableQuestion(Half half, Random* random);

}  // namespace hadal::datagen
