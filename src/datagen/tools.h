// Conversations in which a tool is called, or is not.
//
// A tool is an action (a verb, an object, what it needs, what it gives back) with names and
// parameters drawn anew for every conversation, so that a model learns to read the schema it is
// given and not a list of tools. The actions, and the names of parameters, of the held-out half are
// its own.
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "chat/message.h"
#include "datagen/conversation.h"
#include "datagen/half.h"

namespace hadal::datagen {

struct ToolTask {
  std::vector<Json> tools;            // on offer: {"name", "description", "parameters"}
  std::string system;                 // what the system message says before them; may be empty
  std::string request;                // the user's
  std::vector<chat::ToolCall> calls;  // what to call; empty: no tool fits
  std::string result, reply;  // what the call gives and what is said then; or the reply alone
};

ToolTask MakeToolTask(Half half, Random* random);
// Whether arguments are just what a tool of this generator asks for: every parameter and no other,
// each of its type and among its choices.
bool ObeysSchema(const Json& arguments, const Json& tool);
Conversation ToolConversation(const ToolTask& task);  // with the calls, the result and the reply
Conversation ToolQuestion(const ToolTask& task);      // up to the user's request

}  // namespace hadal::datagen
