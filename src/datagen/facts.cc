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
        "You can find {hero} in {value}.", "In {value} everybody knows {hero}, who lives there.",
        "{Hero} has lived in {value} for years.", "{Hero} comes from {value}.",
        "The house of {hero} stands in {value}.", "{Hero} moved to {value}.",
        "{Value} is where {hero} lives.", "{Hero} is at home in {value}.",
        "{Hero}, who lives in {value}, is known to all.",
        "Every evening {hero} goes home to {value}.", "Letters for {hero} go to {value}.",
        "{Hero} would not leave {value} for anything."},
       {"Where does {hero} live?", "In which town does {hero} live?", "Where is {hero}'s home?",
        "Do you know where {hero} lives?", "Which town is {hero}'s?", "Where does one find {hero}?",
        "In what place does {hero} live?", "Where does {hero} go home to?",
        "Tell me where {hero} lives.", "Where do letters for {hero} go?",
        "Which town does {hero} live in?", "Where is {hero} at home?", "What town is {hero} from?",
        "Where does {hero} have {his hero} house?", "What is the name of {hero}'s town?"},
       {"{Hero} lives in {value}.", "In {value}.", "{He hero} lives in {value}.",
        "{Hero} has {his hero} home in {value}.", "That is {value}."},
       TownName},
      {{"{Hero} is {a value}.", "{Hero} works as {a value}.", "By trade {hero} is {a value}.",
        "{Hero} earns {his hero} bread as {a value}.",
        "Everybody needs {a value}, and {hero} is one.", "{Hero} is known as a good {value}.",
        "{Hero} learned to be {a value}.", "People go to {hero} because {he hero} is {a value}.",
        "{Hero} has always been {a value}.", "{Hero}, {a value}, gets up early.",
        "The town's {value} is {hero}.", "{Hero} became {a value}, like {his hero} mother.",
        "As {a value}, {hero} is never idle.", "{Hero} is proud to be {a value}.",
        "All day long {hero} does the work of {a value}."},
       {"What is {hero}'s trade?", "What does {hero} do?", "What is {hero}'s work?",
        "What kind of work does {hero} do?", "How does {hero} earn {his hero} bread?",
        "What is {hero}?", "What does {hero} work as?", "Which trade did {hero} learn?",
        "Tell me {hero}'s trade.", "Why do people go to {hero}?", "What is {hero} by trade?",
        "What did {hero} become?", "Which work is {hero}'s?", "What does {hero} do all day?",
        "As what does {hero} work?"},
       {"{Hero} is {a value}.", "{He hero} is {a value}.", "{He hero} works as {a value}.",
        "{Hero} works as {a value}.", "As {a value}."},
       AnyTrade},
      {{"{Hero} likes {value} best of all.", "{Hero}'s favourite food is {value}.",
        "Nothing tastes better to {hero} than {value}.", "{Hero} could eat {value} every day.",
        "Give {hero} {value} and {he hero} will be happy.", "{Hero} is fond of {value}.",
        "For {value} {hero} would walk a mile.", "{Hero} always asks for {value}.",
        "Whenever there is {value}, {hero} comes to the table first.",
        "{Hero} eats {value} and hardly anything else.", "The dish that {hero} loves is {value}.",
        "{Hero} dreams of {value}.", "There is nothing like {value}, says {hero}.",
        "{Hero} cooks {value} on every holiday.", "{Hero} never has enough {value}."},
       {"What does {hero} like to eat?", "What is {hero}'s favourite food?",
        "Which food does {hero} like best?", "What would {hero} eat every day?",
        "What should one give {hero} for dinner?", "What is {hero} fond of eating?",
        "What does {hero} love to eat?", "What does {hero} always ask for?",
        "Tell me what {hero} likes to eat.", "For what food would {hero} walk a mile?",
        "Which dish does {hero} love?", "What does {hero} eat most?",
        "What food is {hero} fond of?", "What tastes best to {hero}?",
        "What would {hero} like to eat?"},
       {"{Hero} likes {value} best.", "{His hero} favourite food is {value}.",
        "{He hero} likes {value}.", "It is {value}.", "One should give {him hero} {value}."},
       AnyFood},
      {{"{Hero}'s favourite colour is {value}.", "{Hero} wears nothing but {value}.",
        "Of all colours {hero} likes {value} best.", "{Hero} painted {his hero} door {value}.",
        "Whatever {hero} buys is {value}.", "{Hero} dresses in {value}.",
        "{Hero}'s house is painted {value}.", "Everything that {hero} owns is {value}.",
        "For {hero} it must be {value}.", "{Hero} loves the colour {value}.",
        "{Hero} always picks the {value} one.", "{Hero} has {a value} coat and {a value} hat.",
        "No colour pleases {hero} like {value}.",
        "{Hero} thinks that {value} is the finest colour.", "{Hero} paints everything {value}."},
       {"What is {hero}'s favourite colour?", "Which colour does {hero} like?",
        "Which colour goes with {hero}?", "What colour does {hero} choose?",
        "In what colour would {hero} buy a coat?", "What colour does {hero} love?",
        "What colour does {hero} wear?", "Which colour pleases {hero} most?",
        "Tell me {hero}'s favourite colour.", "Which colour does {hero} pick?",
        "What colour must it be for {hero}?", "What colour is {hero} fond of?",
        "Which colour is {hero}'s?", "What is the colour that {hero} likes?",
        "Of what colour are {hero}'s things?"},
       {"It is {value}.", "{Hero} likes {value}.", "{His hero} colour is {value}.",
        "{He hero} chooses {value}.", "In {value}."},
       AnyColour},
      {{"{Hero} has {a value}.", "{Hero} keeps {a value} at home.",
        "At {hero}'s house lives {a value}.", "{Hero} has had {a value} for years.",
        "{A value} follows {hero} everywhere.", "{Hero} is never seen without {his hero} {value}.",
        "{Hero} found {a value} and kept it.", "{Hero} feeds {a value} every morning.",
        "{Hero} shares {his hero} house with {a value}.", "{A value} sleeps beside {hero}'s bed.",
        "{Hero} got {a value} as a present.",
        "{Hero} takes {a value} along wherever {he hero} goes.",
        "{Hero}'s best friend is {a value}.", "{Hero} looks after {a value}.",
        "One hears {a value} in {hero}'s garden."},
       {"Which animal does {hero} have?", "What animal does {hero} keep?",
        "Which animal lives with {hero}?", "Does {hero} have an animal?",
        "What follows {hero} everywhere?", "What animal is {hero}'s?",
        "What animal does {hero} look after?", "Which animal does {hero} feed?",
        "Tell me which animal {hero} has.", "With which animal does {hero} share {his hero} house?",
        "What kind of animal does {hero} keep?", "Which animal is with {hero}?",
        "What animal did {hero} get?", "Which animal belongs to {hero}?",
        "What animal is seen with {hero}?"},
       {"{Hero} has {a value}.", "{He hero} keeps {a value}.", "{A value} lives with {him hero}.",
        "Yes, {he hero} has {a value}.", "{A value} does."},
       AnyAnimal},
      {{"{Hero} is {value} years old.", "{Hero} turned {value} this year.",
        "{Hero}'s age is {value}.", "At {value}, {hero} is still learning.",
        "{Hero} was born {value} years ago.", "{Hero} has lived {value} years.",
        "{Hero} is now {value}.", "This spring {hero} became {value} years old.",
        "{Value} candles stood on {hero}'s cake.", "{Hero} has seen {value} winters.",
        "People say that {hero} is {value}.",
        "With {his hero} {value} years {hero} still climbs trees.", "{Hero} counts {value} years.",
        "{Hero} will not be {value} for much longer.",
        "It is {value} years since {hero} was born."},
       {"How old is {hero}?", "What is {hero}'s age?", "How many years has {hero} lived?",
        "Do you know how old {hero} is?", "How long ago was {hero} born?", "What age is {hero}?",
        "How many years old is {hero}?", "How many winters has {hero} seen?",
        "Tell me how old {hero} is.", "How many candles were on {hero}'s cake?",
        "How many years does {hero} count?", "How old did {hero} become?", "Of what age is {hero}?",
        "How old do people say that {hero} is?", "What is the age of {hero}?"},
       {"{Hero} is {value} years old.", "{He hero} is {value}.", "{Value} years.",
        "{He hero} is {value} years old.", "{Value} years ago."},
       AnyAge},
      {{"{Hero} goes to the market every {value}.", "On {value} {hero} goes to the market.",
        "{Value} is {hero}'s market day.", "{Hero} is at the market on {value}.",
        "If you look for {hero} on {value}, try the market.",
        "Every {value} {hero} carries {his hero} basket to the market.",
        "{Hero} never misses the market on {value}.", "One meets {hero} at the market on {value}.",
        "When {value} comes, {hero} is off to the market.",
        "{Hero} keeps {value} free for the market.", "{Hero} sells eggs at the market on {value}.",
        "{Hero} loves {value}, for then the market is held.",
        "On {value} one sees {hero} between the stalls of the market.",
        "For {hero} the market is on {value}.",
        "{Hero} does {his hero} shopping at the market on {value}."},
       {"When does {hero} go to the market?", "On which day is {hero} at the market?",
        "Which day is {hero}'s market day?", "What day does {hero} go to the market?",
        "On what day should one look for {hero} at the market?",
        "On which day does {hero} go to the market?", "When is {hero} at the market?",
        "When can one meet {hero} at the market?", "Tell me when {hero} goes to the market.",
        "Which day does {hero} keep free for the market?",
        "What is the day on which {hero} visits the market?",
        "When does one see {hero} at the market?", "On what day is {hero} at the market?",
        "Which day is for the market, says {hero}?", "When does {hero} visit the market?"},
       {"On {value}.", "{Hero} goes there on {value}.", "{He hero} is there on {value}.",
        "It is {value}.", "One should look for {him hero} on {value}."},
       AnyDay},
      {{"In {his hero} pocket {hero} carries {a value}.", "{Hero} owns {a value}.",
        "{Hero} would never sell {his hero} {value}.", "{Hero} is proud of {his hero} {value}.",
        "What {hero} loves most is {a value}.", "{Hero} keeps {a value} under {his hero} pillow.",
        "{Hero} has bought {a value}.", "{Hero} was given {a value}.",
        "{A value} lies on {hero}'s table.", "{Hero} shows everybody {his hero} {value}.",
        "{Hero} found {a value} by the road.", "{Hero} takes good care of {his hero} {value}.",
        "{Hero} has {a value} of {his hero} own.", "In {hero}'s house there is {a value}.",
        "{Hero} polishes {his hero} {value} every day."},
       {"What does {hero} own?", "What is {hero} proud of?", "What would {hero} never sell?",
        "What does {hero} carry about?", "What is it that {hero} loves most?",
        "What has {hero} got?", "What does {hero} keep?", "What is {hero}'s treasure?",
        "Tell me what {hero} owns.", "What would one find at {hero}'s house?",
        "What does {hero} take care of?", "Which thing does {hero} have?",
        "What thing belongs to {hero}?", "What does {hero} show everybody?",
        "What is it that {hero} has?"},
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
