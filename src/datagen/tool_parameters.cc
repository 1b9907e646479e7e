#include <algorithm>
#include <span>
#include <string_view>

#include "datagen/grammar.h"
#include "datagen/tool_words.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

Json Town(Half half, Random* random) { return TownName(half, random); }
Json Person(Half half, Random* random) { return PersonName(half, random).text; }
Json Day(Half, Random* random) { return AnyWord(Words::kWeekdays, random); }
Json Few(Half, Random* random) { return static_cast<std::int64_t>(2 + random->Below(9)); }
Json Many(Half, Random* random) { return static_cast<std::int64_t>(10 + random->Below(490)); }
Json Amount(Half, Random* random) {
  const auto whole = static_cast<double>(1 + random->Below(99));
  return whole + (random->Below(2) == 0 ? 0.5 : 0.25);
}
Json Food(Half, Random* random) { return AnyWord(Words::kFoods, random); }
Json Animal(Half, Random* random) { return AnyWord(Words::kAnimals, random); }
Json Plant(Half, Random* random) { return AnyWord(Words::kPlants, random); }
Json Colour(Half, Random* random) { return AnyWord(Words::kColours, random); }
Json Thing(Half, Random* random) {
  const std::string adjective = AnyWord(Words::kAdjectives, random);
  return adjective + " " + AnyWord(Words::kThings, random);
}
Json Hour(Half, Random* random) {
  const std::string hour = std::to_string(6 + random->Below(16));
  return hour + (random->Below(2) == 0 ? ":00" : ":30");
}
Json Invented(Half half, Random* random) { return InventedWord(half, random); }
Json Sentence(Half half, Random* random) {
  const std::string place = PlaceName(half, random);
  switch (random->Below(4)) {
    case 0:
      return "I am at " + place;
    case 1:
      return "come to " + place + " at " + std::to_string(1 + random->Below(12));
    case 2: {
      const std::string food = AnyWord(Words::kFoods, random);
      return "bring " + food + " and the " + AnyWord(Words::kThings, random);
    }
    default:
      return "the " + AnyWord(Words::kAnimals, random) + " is at " + place;
  }
}
Json ThingList(Half, Random* random) {
  Json::Array list;
  for (const std::string& word : SomeWords(Words::kFoods, 2 + random->Below(2), random))
    list.emplace_back(word);
  return list;
}

struct NamedParameter {
  std::string_view kind;
  Parameter parameter;
};

const std::vector<NamedParameter>& Parameters() {
  static const std::vector<NamedParameter> all = {
      {"town", {{"town", "city", "place"}, "string", {"in {v}", "at {v}", "for {v}"}, Town}},
      {"goal", {{"goal", "destination", "arrival"}, "string", {"to {v}"}, Town}},
      {"start", {{"start", "origin", "departure"}, "string", {"from {v}"}, Town}},
      {"day", {{"day", "date", "weekday"}, "string", {"on {v}", "for {v}"}, Day}},
      {"hour", {{"hour", "time", "clock"}, "string", {"at {v}"}, Hour}},
      {"people", {{"people", "guests", "persons"}, "integer", {"for {v} people"}, Few}},
      {"count",
       {{"count", "number", "quantity"}, "integer", {"{v} times", "with {v} pieces"}, Few}},
      {"minutes", {{"minutes", "duration", "length"}, "integer", {"for {v} minutes"}, Many}},
      {"money",
       {{"money", "amount", "price"}, "number", {"for {v} coins", "with {v} coins"}, Amount}},
      {"person", {{"person", "name", "friend"}, "string", {"to {v}", "with {v}"}, Person}},
      {"about_person", {{"person", "name", "member"}, "string", {"of {v}"}, Person}},
      {"food", {{"food", "dish", "meal"}, "string", {"with {v}"}, Food}},
      {"animal",
       {{"animal", "pet", "creature"}, "string", {"about the {v}", "of the {v}"}, Animal}},
      {"plant", {{"plant", "flower", "tree"}, "string", {"of the {v}", "about the {v}"}, Plant}},
      {"colour", {{"colour", "shade", "paint"}, "string", {"in {v}"}, Colour}},
      {"thing", {{"thing", "item", "object"}, "string", {"of the {v}", "with the {v}"}, Thing}},
      {"message",
       {{"message", "text", "words"},
        "string",
        {"saying \"{v}\"", "with the text \"{v}\""},
        Sentence}},
      {"code",
       {{"code", "key", "label"}, "string", {"with the code {v}", "under the code {v}"}, Invented}},
      {"list", {{"items", "things", "goods"}, "array", {"with {v}"}, ThingList}},
      {"unit",
       {{"unit", "scale", "measure"},
        "string",
        {"in {v}"},
        nullptr,
        {"celsius", "fahrenheit", "kelvin"}}},
      {"size",
       {{"size", "format", "width"},
        "string",
        {"in size {v}"},
        nullptr,
        {"small", "medium", "large"}}},
      {"level",
       {{"level", "strength", "power"},
        "string",
        {"on level {v}"},
        nullptr,
        {"low", "middle", "high"}}},
  };
  return all;
}

constexpr const char* kNames[] = {"{n}",       "{n}",     "the_{n}",  "which_{n}", "{n}_given",
                                  "{n}_value", "for_{n}", "{n}",      "{n}_field", "{n}_to_use",
                                  "my_{n}",    "new_{n}", "{n}_name", "with_{n}",  "{n}_wanted"};

constexpr const char* kAbouts[] = {
    "The {n}.",
    "{N}",
    "Which {n} it is about.",
    "The {n} to use",
    "{N}, as the user says it",
    "{N} that is meant",
    "What {n} to take.",
    "the {n} that was asked for",
    "Here goes the {n}.",
    "Put the {n} of the request here",
    "{N} (required)",
    "The {n}, copied from the request.",
    "Must be the {n}",
    "{n} of it",
    "Whatever {n} was mentioned",
    "{N} of the request",
    "The wanted {n}",
    "{N}, word for word",
    "The user's {n}",
    "Say which {n}",
    "What the request says of the {n}",
    "{N}, taken over as it is",
    "One {n}",
    "{N} for this",
    "{N} as it was given",
};

std::string FromNoun(Half half, std::span<const char* const> ways, const Parameter& parameter,
                     Random* random) {
  const Cast noun = {{"n", {AnyOf(parameter.nouns, random)}}};
  return Expand(AnyOf(ItemsOf(half, ways), random), noun, random);
}

}  // namespace

const Parameter& FindParameter(std::string_view kind) {
  for (const NamedParameter& p : Parameters())
    if (p.kind == kind) return p.parameter;
  HADAL_CHECK(false);  // an action that needs what is not in the table
}

bool IsNounOfParameter(std::string_view word) {
  return std::ranges::any_of(Parameters(), [&](const NamedParameter& p) {
    return std::ranges::find(p.parameter.nouns, word) != p.parameter.nouns.end();
  });
}

std::string ParameterName(Half half, const Parameter& parameter, Random* random) {
  return FromNoun(half, kNames, parameter, random);
}

std::string ParameterAbout(Half half, const Parameter& parameter, Random* random) {
  return FromNoun(half, kAbouts, parameter, random);
}

std::string Spoken(const Json& value) {
  if (const std::string* text = value.AsString()) return *text;
  if (const Json::Array* list = value.AsArray()) {
    std::string text;
    for (std::size_t i = 0; i < list->size(); ++i)
      text += (i == 0 ? "" : i + 1 == list->size() ? " and " : ", ") + Spoken((*list)[i]);
    return text;
  }
  return value.Dump();
}

}  // namespace hadal::datagen
