#include "datagen/facts.h"

#include <algorithm>
#include <span>

#include "datagen/words.h"

namespace hadal::datagen {
namespace {

// One thing that may be said of a person: {value} is its value.
struct Attribute {
  std::vector<const char*> statements, questions, answers;
  std::string (*value)(Half half, Random* random);
};

std::string AnyTrade(Half, Random* random) { return AnyWord(Words::kTrades, random); }
std::string AnyColour(Half, Random* random) { return AnyWord(Words::kColours, random); }
std::string AnyFood(Half, Random* random) { return AnyWord(Words::kFoods, random); }
std::string AnyAnimal(Half, Random* random) { return AnyWord(Words::kAnimals, random); }
std::string AnyDay(Half, Random* random) { return AnyWord(Words::kWeekdays, random); }
std::string AnyAge(Half, Random* random) { return std::to_string(6 + random->Below(80)); }
std::string AnyThing(Half, Random* random) {
  const std::string adjective = AnyWord(Words::kAdjectives, random);
  return adjective + " " + AnyWord(Words::kThings, random);
}

const std::vector<Attribute>& Attributes() {
  static const std::vector<Attribute> all = {
      {{"{Hero} lives in {value}.", "{Hero} has a house in {value}.", "{Hero}'s home is {value}.",
        "You can find {hero} in {value}.", "In {value} everybody knows {hero}, who lives there."},
       {"Where does {hero} live?", "In which town does {hero} live?", "Where is {hero}'s home?",
        "Do you know where {hero} lives?", "Which town is {hero}'s?"},
       {"{Hero} lives in {value}.", "In {value}.", "{He hero} lives in {value}.",
        "{Hero} has {his hero} home in {value}.", "That is {value}."},
       TownName},
      {{"{Hero} is {a value}.", "{Hero} works as {a value}.", "By trade {hero} is {a value}.",
        "{Hero} earns {his hero} bread as {a value}.",
        "Everybody needs {a value}, and {hero} is one."},
       {"What is {hero}'s trade?", "What does {hero} do?", "What is {hero}'s work?",
        "What kind of work does {hero} do?", "How does {hero} earn {his hero} bread?"},
       {"{Hero} is {a value}.", "{He hero} is {a value}.", "{He hero} works as {a value}.",
        "{Hero} works as {a value}.", "As {a value}."},
       AnyTrade},
      {{"{Hero} likes {value} best of all.", "{Hero}'s favourite food is {value}.",
        "Nothing tastes better to {hero} than {value}.", "{Hero} could eat {value} every day.",
        "Give {hero} {value} and {he hero} will be happy."},
       {"What does {hero} like to eat?", "What is {hero}'s favourite food?",
        "Which food does {hero} like best?", "What would {hero} eat every day?",
        "What should one give {hero} for dinner?"},
       {"{Hero} likes {value} best.", "{His hero} favourite food is {value}.",
        "{He hero} likes {value}.", "It is {value}.", "One should give {him hero} {value}."},
       AnyFood},
      {{"{Hero}'s favourite colour is {value}.", "{Hero} wears nothing but {value}.",
        "Of all colours {hero} likes {value} best.", "{Hero} painted {his hero} door {value}.",
        "Whatever {hero} buys is {value}."},
       {"What is {hero}'s favourite colour?", "Which colour does {hero} like?",
        "Which colour goes with {hero}?", "What colour does {hero} choose?",
        "In what colour would {hero} buy a coat?"},
       {"It is {value}.", "{Hero} likes {value}.", "{His hero} colour is {value}.",
        "{He hero} chooses {value}.", "In {value}."},
       AnyColour},
      {{"{Hero} has {a value}.", "{Hero} keeps {a value} at home.",
        "At {hero}'s house lives {a value}.", "{Hero} has had {a value} for years.",
        "{A value} follows {hero} everywhere."},
       {"Which animal does {hero} have?", "What animal does {hero} keep?",
        "Which animal lives with {hero}?", "Does {hero} have an animal?",
        "What follows {hero} everywhere?"},
       {"{Hero} has {a value}.", "{He hero} keeps {a value}.", "{A value} lives with {him hero}.",
        "Yes, {he hero} has {a value}.", "{A value} does."},
       AnyAnimal},
      {{"{Hero} is {value} years old.", "{Hero} turned {value} this year.",
        "{Hero}'s age is {value}.", "At {value}, {hero} is still learning.",
        "{Hero} was born {value} years ago."},
       {"How old is {hero}?", "What is {hero}'s age?", "How many years has {hero} lived?",
        "Do you know how old {hero} is?", "How long ago was {hero} born?"},
       {"{Hero} is {value} years old.", "{He hero} is {value}.", "{Value} years.",
        "{He hero} is {value} years old.", "{Value} years ago."},
       AnyAge},
      {{"{Hero} goes to the market every {value}.", "On {value} {hero} goes to the market.",
        "{Value} is {hero}'s market day.", "{Hero} is at the market on {value}.",
        "If you look for {hero} on {value}, try the market."},
       {"When does {hero} go to the market?", "On which day is {hero} at the market?",
        "Which day is {hero}'s market day?", "What day does {hero} go to the market?",
        "On what day should one look for {hero} at the market?"},
       {"On {value}.", "{Hero} goes there on {value}.", "{He hero} is there on {value}.",
        "It is {value}.", "One should look for {him hero} on {value}."},
       AnyDay},
      {{"In {his hero} pocket {hero} carries {a value}.", "{Hero} owns {a value}.",
        "{Hero} would never sell {his hero} {value}.", "{Hero} is proud of {his hero} {value}.",
        "What {hero} loves most is {a value}."},
       {"What does {hero} own?", "What is {hero} proud of?", "What would {hero} never sell?",
        "What does {hero} carry about?", "What is it that {hero} loves most?"},
       {"{Hero} owns {a value}.", "{He hero} has {a value}.", "{His hero} {value}.", "{A value}.",
        "{He hero} loves {a value}."},
       AnyThing},
  };
  return all;
}

std::string Say(Half half, const std::vector<const char*>& ways, const Cast& cast, Random* random) {
  return Expand(AnyOf(ItemsOf(half, ways), random), cast, random);
}

}  // namespace

FactSheet MakeFacts(Half half, std::size_t people, Random* random) {
  const std::vector<Attribute>& attributes = Attributes();
  FactSheet sheet;
  std::vector<std::string> lines, names;
  while (names.size() < people) {
    Cast cast;
    cast["hero"] = PersonName(half, random);
    if (std::ranges::find(names, cast["hero"].text) != names.end()) continue;
    names.push_back(cast["hero"].text);
    std::vector<std::size_t> order(attributes.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    Shuffle(&order, random);
    const std::size_t told = 2 + random->Below(3);
    for (std::size_t i = 0; i <= told; ++i) {
      const Attribute& attribute = attributes[order[i]];
      cast["value"] = {attribute.value(half, random)};
      const bool known = i < told;
      if (known) lines.push_back(Say(half, attribute.statements, cast, random));
      sheet.questions.push_back(
          {Say(half, attribute.questions, cast, random),
           known ? Say(half, attribute.answers, cast, random) : DoesNotSay(half, random), known,
           known ? cast["value"].text : std::string()});
    }
  }
  if (random->Below(2) == 0) Shuffle(&lines, random);
  for (const std::string& line : lines) sheet.text += (sheet.text.empty() ? "" : " ") + line;
  Shuffle(&sheet.questions, random);
  return sheet;
}

}  // namespace hadal::datagen
