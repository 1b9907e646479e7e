// What tools are made of (tools.h).
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "datagen/half.h"

namespace hadal::datagen {

// A kind of parameter: one of several names, the words that bring its value into a request, and
// values.
struct Parameter {
  std::vector<const char*> names;
  const char* type;                  // of JSON Schema
  std::vector<const char*> about;    // its description
  std::vector<const char*> phrases;  // "in {v}": after the action's words
  Json (*value)(Half half, Random* random);
  std::vector<const char*> choices = {};  // an enum; then `value` is null
};
const Parameter& FindParameter(std::string_view kind);
// In a request: "Oldbridge", "bread and milk".
std::string Spoken(const Json& value);

// What a tool may do; the table is in tool_actions.cc.
struct Action {
  std::vector<std::string> verbs;     // of the tool's name
  std::string object;                 // of its name: "train_ticket"
  std::string about;                  // its description
  std::vector<std::string> requests;  // "book a train": templates; {v} phrases follow
  std::vector<std::string> needs;     // kinds of parameters
  std::vector<std::string> gives;     // fields of the result: "price:amount"
  std::string reply;                  // {price}, and the values of the parameters by kind
};
const std::vector<Action>& AllActions();

}  // namespace hadal::datagen
