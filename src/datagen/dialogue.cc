#include "datagen/dialogue.h"

#include <span>
#include <utility>

#include "datagen/grammar.h"
#include "datagen/story.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

struct Exchange {
  const char* user;
  const char* assistant;
};

constexpr Exchange kGreetings[] = {
    {"[Hello|Hi|Hello there][!|.]", "Hello! [How can I help you?|What shall we talk about?]"},
    {"Good morning[!|.]", "Good morning! [Did you sleep well?|What can I do for you?]"},
    {"[How are you|How do you do]?", "I am well, thank you. [And you?|How are you?]"},
    {"Good evening[!|.]", "Good evening! [What would you like to do?|Shall I tell you a story?]"},
    {"Greetings, [machine|computer]!", "Greetings! [What do you wish?|I am listening.]"},
    {"Are you there?", "Yes, I am here. [What can I do for you?|Ask me something.]"},
    {"Hello, my name is {hero}.", "Hello, {hero}! [Nice to meet you.|How can I help you?]"},
    {"[Who|What] are you?",
     "I am hadal's small model. I tell stories, answer questions about a text, and use tools."},
    {"What can you do?",
     "I can tell stories, answer questions about what you give me, and call tools."},
    {"[Are you a person|Are you human]?", "No, I am a small language model."},
};

// Told in one turn, asked for in a later one.
struct Memory {
  const char* told;
  const char* heard;
  const char* asked;
  const char* recalled;
};
constexpr Memory kMemories[] = {
    {"My name is {hero}.", "[Nice to meet you|Hello], {hero}!", "What is my name?",
     "Your name is {hero}."},
    {"I live in {town}.", "{Town} is surely a [fine|nice] place.", "Where do I live?",
     "You live in {town}."},
    {"I have {a animal} at home.", "[How nice|That is lovely]! I hope that the {animal} is well.",
     "Which animal do I have?", "You have {a animal}."},
    {"My favourite colour is {colour}.", "{Colour} is a beautiful colour.",
     "Do you remember my favourite colour?", "Yes, it is {colour}."},
    {"You may call me {hero}.", "[Gladly|With pleasure], {hero}.", "How do I want to be called?",
     "You want to be called {hero}."},
    {"I work as {a trade}.", "That is [hard|good] work.", "What is my work?",
     "You work as {a trade}."},
    {"I am {age} years old.", "[Then you have seen a lot|A good age].", "How old am I?",
     "You are {age} years old."},
    {"Tomorrow I will meet {friend} at {place}.",
     "[Have a good time|Give {him friend} my regards]!", "Whom will I meet tomorrow?",
     "You will meet {friend} at {place}."},
    {"I like to eat {food}.", "[So do many|Enjoy them].", "What do I like to eat?",
     "You like to eat {food}."},
    {"Keep in mind that {friend} comes on {day}.", "[I will|Very well].",
     "When does {friend} come?", "{Friend} comes on {day}."},
    {"I have lost my {adjective} {thing}.", "[I am sorry to hear that|What a pity].",
     "What have I lost?", "You have lost your {adjective} {thing}."},
    {"My {elder} is called {friend}.", "[That is a fine name|What a nice name].",
     "What is my {elder} called?", "Your {elder} is called {friend}."},
    {"Today it is {a weather} in {town}.", "[Dress warmly|Then take a walk].",
     "What is the weather like in {town}?", "It is {a weather} in {town}."},
    {"I keep my {thing} at {place}.", "[I hope it is safe there|A good idea].",
     "Where is my {thing}?", "You keep it at {place}."},
    {"The {trade} wants {count} coins for the {thing}.", "[That is much|That seems fair].",
     "How many coins does the {trade} want?", "The {trade} wants {count} coins."},
    {"People call me {hero}.", "[Good to know|Then I will], {hero}.", "What do people call me?",
     "They call you {hero}."},
    {"I was born in {town}.", "[A good town to be born in|I have heard of it].",
     "Where was I born?", "You were born in {town}."},
    {"My {animal} is called {friend}.", "[What a good name|That suits {a animal}].",
     "What is my {animal} called?", "It is called {friend}."},
    {"I painted my door {colour}.", "[That must look fine|A good choice].",
     "What colour is my door?", "Your door is {colour}."},
    {"On {day} I go to {place}.", "[Have a good day there|I wish you fair weather].",
     "Where do I go on {day}?", "You go to {place}."},
    {"I have bought {a adjective} {thing}.", "[Show it to me|May it last long].",
     "What have I bought?", "You have bought {a adjective} {thing}."},
    {"My friend is called {friend}.",
     "[Greet {him friend} from me|I am glad that you have a friend].", "What is my friend's name?",
     "Your friend's name is {friend}."},
    {"Please remember the word {thing}.", "[I will remember it|Done].", "Which word was it?",
     "The word was {thing}."},
    {"For supper there is {food}.", "[Enjoy your supper|That sounds good].",
     "What is there for supper?", "There is {food} for supper."},
    {"Somebody left {a thing} at my door.", "[How strange|Who may that have been?]",
     "What was left at my door?", "It was {a thing}."},
    {"In my garden grows {a plant}.", "[Water it well|That must be pretty].",
     "What grows in my garden?", "In your garden grows {a plant}."},
    {"My {elder} lives in {town}.", "[Do you visit often?|That is not too far, I hope.]",
     "Where does my {elder} live?", "Your {elder} lives in {town}."},
    {"I am afraid of every {animal}.", "[Many are|It will not hurt you].", "What am I afraid of?",
     "You are afraid of every {animal}."},
    {"{Friend} has borrowed my {thing}.", "[{He friend} will bring it back|I hope so too].",
     "Who has borrowed my {thing}?", "{Friend} has borrowed it."},
    {"I shall be at {place} at noon.", "[Very good|I take note of it].",
     "Where shall I be at noon?", "You will be at {place}."},
    {"I feel {feeling} today.", "[I see|Thank you for telling me].", "How do I feel today?",
     "You feel {feeling}."},
    {"My coat is made of {material}.", "[That keeps you warm|It must be a good one].",
     "What is my coat made of?", "It is made of {material}."},
    {"I own {count} {adjective} things.", "[That is quite something|Take care of them].",
     "How many {adjective} things do I own?", "You own {count}."},
    {"My neighbour is {a trade}.", "[That may be useful|A good neighbour, I hope].",
     "What is my neighbour's work?", "Your neighbour is {a trade}."},
    {"Every {day} I eat {food}.", "[A good habit|I hope that you like it].",
     "What do I eat every {day}?", "You eat {food}."},
    {"The secret word is {plant}.", "[I keep it safe|I have noted it].", "What is the secret word?",
     "The secret word is {plant}."},
    {"We are going to travel to {town}.", "[Have a good journey|Travel safely].",
     "Where are we going to travel?", "You are going to travel to {town}."},
    {"I have found {a thing} at {place}.", "[Lucky you|Who may have lost it?]",
     "What have I found?", "You have found {a thing} at {place}."},
    {"{Friend} is {age} years old.", "[A good age|I did not know that].", "How old is {friend}?",
     "{Friend} is {age} years old."},
    {"Write down for me: {adjective} {thing}.", "[It is written down|I have it].",
     "What did I want to have written down?", "It was {adjective} {thing}."},
};

// What cannot be known from the conversation.
constexpr const char* kWorld[] = {
    "Who is the president of {town}?",
    "How many people live in {town}?",
    "What will the weather be tomorrow?",
    "What time is it?",
    "Which team won the match yesterday?",
    "What is the name of my neighbour?",
    "How tall is {friend}?",
    "What did I do last summer?",
    "What does {a thing} cost in {town}?",
    "When was {friend} born?",
    "Where is {friend} now?",
    "What is in my pocket?",
    "How far is it from {town} to the sea?",
    "What is {friend} thinking about?",
    "Do I have a brother?",
};
constexpr const char* kCannotKnow[] = {
    "I do not know. You have not told me.",
    "I cannot know that. I only know what you tell me.",
    "I do not know that.",
    "I am sorry, I do not know. Nobody has told me.",
    "That I do not know; I only know what is said here.",
};

constexpr Exchange kThanks[] = {
    {"Thank you[!|.]", "You are welcome[!|.]"},
    {"[Thanks|Many thanks][!|.]", "[Gladly|With pleasure][!|.]"},
    {"Goodbye[!|.]", "Goodbye! [Come back soon|Until next time]."},
    {"[That was all|I have to go now].", "[Goodbye|See you], and take care!"},
    {"Farewell[!|.]", "Farewell! [It was nice to talk to you|Be well]."},
};

constexpr std::pair<const char*, const char*> kOpposites[] = {
    {"big", "small"}, {"hot", "cold"},   {"high", "low"},   {"early", "late"},  {"wet", "dry"},
    {"old", "young"}, {"full", "empty"}, {"loud", "quiet"}, {"day", "night"},   {"hard", "soft"},
    {"fast", "slow"}, {"left", "right"}, {"good", "bad"},   {"open", "closed"}, {"near", "far"},
};

constexpr Exchange kOppositeForms[] = {
    {"What is the opposite of {word}?", "The opposite of {word} is {answer}."},
    {"Which word is the contrary of {word}?", "The contrary of {word} is {answer}."},
    {"Tell me the opposite: {word}.", "{Answer}."},
    {"If it is not {word}, what is it?", "Then it is {answer}."},
    {"Turn this word round: {word}!", "That would be {answer}."},
};
constexpr Exchange kDayForms[] = {
    {"Which day comes after {day}?", "After {day} comes {next}."},
    {"Which day comes before {next}?", "Before {next} comes {day}."},
    {"Today is {day}. What day is tomorrow?", "Tomorrow is {next}."},
    {"Today is {next}. What day was yesterday?", "Yesterday was {day}."},
    {"If this were {day}, how would the following day be called?", "It would be called {next}."},
};
constexpr Exchange kSumForms[] = {
    {"[How much is|What is] {a} and {b}?", "{a} and {b} is {sum}."},
    {"What is {a} + {b}?", "{a} + {b} = {sum}"},
    {"Add {a} to {b}.", "That makes {sum}."},
    {"I have {a} nuts and get {b} more. How many have I?", "You have {sum} nuts."},
    {"Lay {a} stones beside {b} others and count.", "There are {sum} stones."},
};

// Small things that are always so.
Cast KnowledgeCast(Half half, Random* random) {
  const auto [word, opposite] = AnyOf(ItemsOf(half, kOpposites), random);
  const bool turned = random->Below(2) == 0;
  const std::vector<std::string>& days = WordsOf(Words::kWeekdays);
  const std::size_t day = random->Below(days.size());
  const std::size_t a = 1 + random->Below(9), b = 1 + random->Below(9);
  return {{"word", {turned ? opposite : word}},
          {"answer", {turned ? word : opposite}},
          {"day", {days[day]}},
          {"next", {days[(day + 1) % days.size()]}},
          {"a", {std::to_string(a)}},
          {"b", {std::to_string(b)}},
          {"sum", {std::to_string(a + b)}}};
}

class DialogueMaker {
 public:
  DialogueMaker(Half half, Random* random)
      : half_(half), random_(random), cast_(MakeCast(half, random)) {
    cast_["age"] = {std::to_string(5 + random->Below(80))};
  }

  TurnQuestion Remember() {
    const Memory& memory = AnyOf(ItemsOf(half_, kMemories), random_);
    Say({memory.told, memory.heard});
    for (std::size_t between = 1 + random_->Below(3); between > 0; --between) Chat();
    talk_.User(Expand(memory.asked, cast_, random_));
    return {std::move(talk_), AskedFor(memory.asked, memory.recalled, cast_)};
  }

  TurnQuestion Unknowable() {
    if (random_->Below(2) == 0) Say(AnyOf(ItemsOf(half_, kGreetings), random_));
    talk_.User(Expand(AnyOf(ItemsOf(half_, kWorld), random_), cast_, random_));
    return {std::move(talk_), {}};
  }

  Conversation Make() {
    if (random_->Below(3) == 0) Say(AnyOf(ItemsOf(half_, kGreetings), random_));
    const Memory& memory = AnyOf(ItemsOf(half_, kMemories), random_);
    const bool remembers = random_->Below(4) != 0;
    if (remembers) Say({memory.told, memory.heard});
    const std::size_t between = random_->Below(3);
    for (std::size_t i = 0; i < between; ++i) Chat();
    if (remembers) Say({memory.asked, memory.recalled});
    if (!remembers || random_->Below(3) == 0) Chat();
    if (random_->Below(4) == 0) Say(AnyOf(ItemsOf(half_, kThanks), random_));
    return std::move(talk_);
  }

 private:
  void Say(const Exchange& exchange) { Say(exchange, cast_); }
  void Say(const Exchange& exchange, const Cast& cast) {
    talk_.User(Expand(exchange.user, cast, random_));
    talk_.Assistant(Expand(exchange.assistant, cast, random_));
  }
  void Chat() {
    if (random_->Below(2) == 0) {
      const std::span<const Exchange> forms[] = {kOppositeForms, kDayForms, kSumForms};
      const Exchange form = AnyOf(ItemsOf(half_, AnyOf(forms, random_)), random_);
      return Say(form, KnowledgeCast(half_, random_));
    }
    Say({AnyOf(ItemsOf(half_, kWorld), random_), AnyOf(ItemsOf(half_, kCannotKnow), random_)});
  }

  Half half_;
  Random* random_;
  Cast cast_;
  Conversation talk_;
};

}  // namespace

Conversation MakeDialogue(Half half, Random* random) { return DialogueMaker(half, random).Make(); }

TurnQuestion MakeMemoryQuestion(Half half, Random* random) {
  return DialogueMaker(half, random).Remember();
}

TurnQuestion MakeUnknowableQuestion(Half half, Random* random) {
  return DialogueMaker(half, random).Unknowable();
}

}  // namespace hadal::datagen
