#include <array>
#include <string_view>

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
  return static_cast<double>(1 + random->Below(99)) + (random->Below(2) == 0 ? 0.5 : 0.25);
}
Json Food(Half, Random* random) { return AnyWord(Words::kFoods, random); }
Json Animal(Half, Random* random) { return AnyWord(Words::kAnimals, random); }
Json Plant(Half, Random* random) { return AnyWord(Words::kPlants, random); }
Json Colour(Half, Random* random) { return AnyWord(Words::kColours, random); }
Json Thing(Half, Random* random) {
  return AnyWord(Words::kAdjectives, random) + " " + AnyWord(Words::kThings, random);
}
Json Hour(Half, Random* random) {
  return std::to_string(6 + random->Below(16)) + (random->Below(2) == 0 ? ":00" : ":30");
}
Json Invented(Half half, Random* random) { return InventedWord(half, random); }
Json Sentence(Half half, Random* random) {
  const std::string place = PlaceName(half, random);
  switch (random->Below(4)) {
    case 0:
      return "I am at " + place;
    case 1:
      return "come to " + place + " at " + std::to_string(1 + random->Below(12));
    case 2:
      return "bring " + AnyWord(Words::kFoods, random) + " and the " +
             AnyWord(Words::kThings, random);
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
      {"town",
       {{"city", "town", "location", "where", "municipality", "place", "in_town", "area", "near",
         "settlement"},
        "string",
        {"name of the town", "the town", "which town it is", "a town's name",
         "the municipality that is meant"},
        {"in {v}", "at {v}", "for {v}"},
        Town}},
      {"goal",
       {{"destination", "to", "target", "arrival", "going_to", "to_city", "end", "to_town", "stop",
         "bound_for"},
        "string",
        {"where to go", "the goal of the way", "place of arrival", "the town at the end",
         "the town one is bound for"},
        {"to {v}"},
        Town}},
      {"start",
       {{"origin", "from", "departure", "start", "leaving", "from_city", "source", "begin",
         "from_town", "setting_out"},
        "string",
        {"where to start", "the first town", "place of departure", "the town at the beginning",
         "the town one sets out from"},
        {"from {v}"},
        Town}},
      {"day",
       {{"day", "date", "when", "weekday", "on_day", "day_of_week", "for_day", "time", "on",
         "which_day"},
        "string",
        {"day of the week", "the day", "on which day", "weekday, as Monday",
         "the weekday that is wanted"},
        {"on {v}", "for {v}"},
        Day}},
      {"hour",
       {{"hour", "time", "at", "clock_time", "o_clock", "starts_at", "begin_at", "time_of_day",
         "from_time", "moment"},
        "string",
        {"time of the day as H:MM", "the time, as 9:30", "clock time", "hours and minutes",
         "moment of the day, hours first"},
        {"at {v}"},
        Hour}},
      {"people",
       {{"people", "guests", "persons", "count", "heads", "party_size", "seats", "visitors",
         "number_of_people", "company"},
        "integer",
        {"number of people", "how many people", "people in all", "for how many",
         "size of the company"},
        {"for {v} people"},
        Few}},
      {"count",
       {{"count", "number", "quantity", "pieces", "how_many", "units", "amount", "items", "n",
         "tally"},
        "integer",
        {"how many", "the number of them", "quantity", "a whole number",
         "the tally that is wanted"},
        {"{v} times", "with {v} pieces"},
        Few}},
      {"minutes",
       {{"minutes", "duration", "length", "min", "lasting", "duration_minutes", "delay", "period",
         "time_in_minutes", "span"},
        "integer",
        {"minutes", "time in minutes", "how long, in minutes", "duration in minutes",
         "span of time, counted in minutes"},
        {"for {v} minutes"},
        Many}},
      {"money",
       {{"amount", "price", "sum", "money", "worth", "value", "cost", "total", "budget", "coins"},
        "number",
        {"an amount of money", "how much money", "money in coins", "the price",
         "coins, with decimals"},
        {"for {v} coins", "with {v} coins"},
        Amount}},
      {"person",
       {{"person", "name", "who", "recipient", "addressee", "contact", "friend", "receiver", "user",
         "somebody"},
        "string",
        {"name of the person", "the person", "who it is", "the name", "somebody's first name"},
        {"to {v}", "with {v}"},
        Person}},
      {"about_person",
       {{"person", "name", "who", "of", "subject_person", "contact", "full_name", "member", "user",
         "human"},
        "string",
        {"name of the person", "the person", "who it is", "the name", "somebody's first name"},
        {"of {v}"},
        Person}},
      {"food",
       {{"food", "dish", "ingredient", "meal", "foodstuff", "product", "item", "what", "with",
         "groceries"},
        "string",
        {"something to eat", "the food", "which food", "a foodstuff", "groceries that are meant"},
        {"with {v}"},
        Food}},
      {"animal",
       {{"animal", "pet", "species", "creature", "beast", "kind", "which", "name", "what",
         "living_thing"},
        "string",
        {"kind of animal", "the animal", "which animal", "name of the animal",
         "living creature in question"},
        {"about the {v}", "of the {v}"},
        Animal}},
      {"plant",
       {{"plant", "flower", "tree", "kind", "growth", "species", "what", "name", "which", "herb"},
        "string",
        {"kind of plant", "the plant", "which plant", "name of the plant",
         "herb or tree in question"},
        {"of the {v}", "about the {v}"},
        Plant}},
      {"colour",
       {{"colour", "color", "shade", "paint", "tint", "look", "light_colour", "hue", "tone",
         "pigment"},
        "string",
        {"a colour", "the colour", "which colour", "name of the colour", "pigment that is wanted"},
        {"in {v}"},
        Colour}},
      {"thing",
       {{"item", "object", "thing", "article", "belonging", "what", "product", "name", "good",
         "possession"},
        "string",
        {"the thing", "which thing", "what it is", "name of the thing", "possession in question"},
        {"of the {v}", "with the {v}"},
        Thing}},
      {"message",
       {{"message", "text", "body", "content", "wording", "note", "words", "say", "msg",
         "letter_text"},
        "string",
        {"the text", "what it says", "all the words", "the wording",
         "the words, one after the other"},
        {"saying \"{v}\"", "with the text \"{v}\""},
        Sentence}},
      {"code",
       {{"code", "id", "key", "label", "cipher", "reference", "tag", "token", "mark", "handle"},
        "string",
        {"the code", "a secret word", "which code", "the code word",
         "handle under which it is known"},
        {"with the code {v}", "under the code {v}"},
        Invented}},
      {"list",
       {{"items", "list", "things", "entries", "all_items", "products", "goods", "elements", "what",
         "wares"},
        "array",
        {"the things", "a list of things", "what it is about", "names of things",
         "wares, each by its name"},
        {"with {v}"},
        ThingList}},
      {"unit",
       {{"unit", "units", "scale", "measure", "degrees_in", "format", "system", "in", "kind",
         "measured_in"},
        "string",
        {"unit of the answer", "which unit", "the unit", "unit of measure",
         "what the answer is measured in"},
        {"in {v}"},
        nullptr,
        {"celsius", "fahrenheit", "kelvin"}}},
      {"size",
       {{"size", "how_big", "format", "kind", "bigness", "dimension", "extent", "class", "width",
         "magnitude"},
        "string",
        {"how big", "the size", "which size", "size of it", "its magnitude"},
        {"in size {v}"},
        nullptr,
        {"small", "medium", "large"}}},
      {"level",
       {{"level", "strength", "power", "setting", "intensity", "stage", "step", "degree", "mode",
         "grade"},
        "string",
        {"how strong", "the strength", "which level", "strength of it", "its grade"},
        {"on level {v}"},
        nullptr,
        {"low", "middle", "high"}}},
  };
  return all;
}

}  // namespace

const Parameter& FindParameter(std::string_view kind) {
  for (const NamedParameter& p : Parameters())
    if (p.kind == kind) return p.parameter;
  HADAL_CHECK(false);  // an action that needs what is not in the table
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
