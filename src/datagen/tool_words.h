// What tools are made of (tools.h).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "datagen/half.h"

namespace hadal::datagen {

// A kind of parameter: the nouns that its names and descriptions are made of, the words that bring
// its value into a request, and values.
struct Parameter {
  std::vector<const char*> nouns;    // "town": one word each
  const char* type;                  // of JSON Schema
  std::vector<const char*> phrases;  // "in {v}": after the action's words
  Json (*value)(Half half, Random* random);
  std::vector<const char*> choices = {};  // an enum; then `value` is null
};
const Parameter& FindParameter(std::string_view kind);
// Whether a parameter may be called so: an invented word that is one names something after all.
bool IsNounOfParameter(std::string_view word);
// "town", "which_town"; the halves make their names of the same plain words in other ways.
std::string ParameterName(Half half, const Parameter& parameter, Random* random);
// "The town that is meant."
std::string ParameterAbout(Half half, const Parameter& parameter, Random* random);
// In a request: "Oldbridge", "bread and milk".
std::string Spoken(const Json& value);

// What a tool may do: from the table of tool_actions.txt, or composed of a verb and its object.
struct Action {
  std::vector<std::string> verbs;     // of the tool's name
  std::string object;                 // of its name: "train_ticket"
  std::string about;                  // its description
  std::vector<std::string> requests;  // "book a train": phrases of the parameters follow
  std::vector<std::string> needs;     // kinds of parameters
  std::vector<std::string> gives;     // fields of the result: "price:money"
  std::string reply;                  // {price}, and the values of the parameters by kind
};
const std::vector<Action>& AllActions();

// What a composed action is done to: a word of a list.
struct Subject {
  char kind;  // 't'hing, 'a'nimal, 'f'ood, 'p'lant
  std::string word;
};
Subject AnySubject(Random* random);
// "repair" and a lantern: a verb of the half that goes with the subject, or one that means nothing;
// what it needs and gives.
Action ComposedAction(Half half, const Subject& subject, bool invented_verb, Random* random);

}  // namespace hadal::datagen
