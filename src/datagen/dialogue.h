// Small talk that stays with what was said: names told and asked for again, likes, greetings,
// simple facts about words and numbers, and questions that only the world could answer.
#pragma once
#include <string>

#include "base/random.h"
#include "datagen/conversation.h"
#include "datagen/half.h"

namespace hadal::datagen {

Conversation MakeDialogue(Half half, Random* random);

}  // namespace hadal::datagen
