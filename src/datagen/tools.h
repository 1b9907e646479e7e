// Conversations in which tools are called, or are not.
//
// A tool is an action (a verb, an object, what it needs, what it gives back) with names and
// parameters drawn anew for every conversation, so that a model learns to read the schema it is
// given and not a list of tools. Some names are invented: then descriptions alone tell what is
// meant. The actions, and the names of tools and parameters, of the held-out half are its own; the
// words that they are made of are plain ones that both halves know.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "chat/message.h"
#include "datagen/conversation.h"
#include "datagen/half.h"

namespace hadal::datagen {

struct ToolTurn {
  std::string request;                // the user's
  std::vector<chat::ToolCall> calls;  // what to call; empty: no tool fits
  std::string result, reply;  // what the call gives and what is said then; or the reply alone
};

struct ToolTask {
  std::vector<Json> tools;  // on offer: {"name", "description", "parameters"}
  std::string system;       // what the system message says before them; may be empty
  std::vector<ToolTurn> turns;
};

ToolTask MakeToolTask(Half half, std::size_t turns, Random* random);
// Two or three tools of which little can be known beforehand: half of the tools' names, of the
// verbs and of what they are done to mean nothing, and so do half of the parameters; the others'
// names have words that are not theirs. So each must be read to its end.
ToolTask MakeToolDrill(Half half, std::size_t turns, Random* random);
// Whether arguments are just what a tool of this generator asks for: every parameter and no other,
// each of its type and among its choices.
bool ObeysSchema(const Json& arguments, const Json& tool);
Conversation ToolConversation(const ToolTask& task);  // with all calls, results and replies
// Up to the request of a turn; those before it with their calls, results and replies.
Conversation ToolQuestion(const ToolTask& task, std::size_t turn);

}  // namespace hadal::datagen
