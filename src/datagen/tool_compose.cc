// Actions made of a verb and an object: some three and a half thousand, far more than a small model
// can learn by heart, so that it has to read what is on offer.
#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "datagen/grammar.h"
#include "datagen/tool_words.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

struct Verb {
  const char *to, *does, *done;
  std::string_view kinds;  // of subjects
};
// Every fifth is held out; those, too, have to reach every kind of subject.
constexpr Verb kVerbs[] = {
    {"repair", "repairs", "repaired", "t"},
    {"feed", "feeds", "fed", "a"},
    {"order", "orders", "ordered", "tf"},
    {"paint", "paints", "painted", "tap"},
    {"polish", "polishes", "polished", "t"},
    {"cook", "cooks", "cooked", "f"},
    {"water", "waters", "watered", "p"},
    {"find", "finds", "found", "ta"},
    {"sell", "sells", "sold", "taf"},
    {"weigh", "weighs", "weighed", "tafp"},
    {"buy", "buys", "bought", "tafp"},
    {"wrap", "wraps", "wrapped", "tf"},
    {"wash", "washes", "washed", "taf"},
    {"photograph", "photographs", "photographed", "tap"},
    {"trim", "trims", "trimmed", "p"},
    {"deliver", "delivers", "delivered", "tfp"},
    {"hide", "hides", "hidden", "tf"},
    {"draw", "draws", "drawn", "tap"},
    {"plant", "plants", "planted", "p"},
    {"groom", "grooms", "groomed", "a"},
    {"rent", "rents", "rented", "ta"},
    {"warm", "warms", "warmed", "f"},
    {"inspect", "inspects", "inspected", "tap"},
    {"lend", "lends", "lent", "t"},
    {"reserve", "reserves", "reserved", "tfp"},
    {"move", "moves", "moved", "tap"},
    {"heat", "heats", "heated", "f"},
    {"guard", "guards", "guarded", "ta"},
    {"label", "labels", "labelled", "tfp"},
    {"chill", "chills", "chilled", "f"},
    {"mend", "mends", "mended", "t"},
    {"walk", "walks", "walked", "a"},
    {"measure", "measures", "measured", "tap"},
    {"fetch", "fetches", "fetched", "tafp"},
    {"store", "stores", "stored", "tf"},
    {"send", "sends", "sent", "tfp"},
    {"copy", "copies", "copied", "t"},
    {"taste", "tastes", "tasted", "f"},
    {"cut", "cuts", "cut", "p"},
    {"ship", "ships", "shipped", "tap"},
};

constexpr const char* kAbout[] = {
    "{Does} {any}.",
    "This tool {does} {any}.",
    "{Does} {any} for the user.",
    "Use it to {to} {any}.",
    "With it one can {to} {any}.",
    "A tool to {to} {any}.",
    "To {to} {any}.",
    "{Does} {any}, as asked.",
    "Call it to have {any} {done}.",
    "Has {any} {done}.",
    "It {does} {any}.",
    "Lets the user {to} {any}.",
    "Whoever wants {any} {done} calls this.",
    "{Does} {any} and says how it went.",
    "For having {any} {done}.",
};

constexpr const char* kRequests[] = {
    "{To} {that}",
    "Please {to} {any}",
    "I want to have {any} {done}",
    "Can you {to} {that}",
    "Would you be so kind as to {to} {that}",
    "I need {any} {done}",
    "Could you {to} {any}",
    "{To} {any} for me",
    "I should like {any} {done}",
    "My wish is to have {that} {done}",
    "Be so good as to {to} {that}",
    "I would like to {to} {any}",
    "It is time to {to} {that}",
    "Let us {to} {any}",
    "How about having {that} {done}",
    "Have {any} {done}",
    "See to it that {that} is {done}",
    "We must {to} {that}",
    "Do me the favour to {to} {any}",
    "I was told that you {to} {any}",
    "{To} {any} now",
    "Could someone {to} {that}",
    "Get {that} {done}",
    "I want {any} to be {done}",
    "Make sure that {that} is {done}",
    "Please see that {that} is {done}",
    "There is {any} that must be {done}",
    "May I ask you to {to} {that}",
    "Will you {to} {any}",
    "I ask you to {to} {that}",
};

// What comes back, and what is said of it: {that} and {done} are the action's words, the other name
// is the field of the result.
struct Outcome {
  const char *gives, *reply;
};
constexpr Outcome kOutcomes[] = {
    {"status:done", "Done: {that} will be {done}."},
    {"price:money", "To have {that} {done} costs {price} coins."},
    {"number:number", "Yes. The number is {number}."},
    {"ready:hour", "It will be ready at {ready}."},
    {"spot:place", "You can look for it at {spot}."},
    {"helper:person", "{Helper} will see to it."},
    {"wait:many", "It takes {wait} minutes to have {that} {done}."},
    {"status:done", "All right, that is done."},
    {"days:small", "In {days} days it will be done."},
    {"number:number", "It is noted as number {number}."},
};

constexpr const char* kNeeds[] = {"town", "day",   "hour",  "person", "count",   "colour",
                                  "size", "money", "level", "code",   "minutes", "message"};

Words ListOf(char kind) {
  switch (kind) {
    case 't':
      return Words::kThings;
    case 'a':
      return Words::kAnimals;
    case 'f':
      return Words::kFoods;
    case 'p':
      return Words::kPlants;
    default:
      HADAL_CHECK(false);
  }
}

struct VerbForms {
  std::string to, does, done;
};

VerbForms InventedVerb(Half half, Random* random) {
  const std::string to = InventedWord(half, random);
  return {to, to + "s", to + "ed"};
}

std::vector<Verb> VerbsFor(Half half, char kind) {
  std::vector<Verb> verbs = ItemsOf(half, kVerbs);
  std::erase_if(verbs, [&](const Verb& v) { return v.kinds.find(kind) == std::string_view::npos; });
  return verbs;
}

VerbForms KnownVerb(Half half, char kind, Random* random) {
  const Verb verb = AnyOf(VerbsFor(half, kind), random);
  return {verb.to, verb.does, verb.done};
}

// With the action's words; the field stays a slot, its value is not known yet.
std::string Reply(const Outcome& outcome, Cast words, Random* random) {
  const std::string_view gives = outcome.gives;
  const std::string field(gives.substr(0, gives.find(':')));
  words[field] = {"{" + field + "}"};
  return Expand(outcome.reply, words, random);
}

}  // namespace

Subject AnySubject(Random* random) {
  constexpr std::string_view kKinds = "ttafp";
  const char kind = kKinds[random->Below(kKinds.size())];
  return {kind, AnyWord(ListOf(kind), random)};
}

Action ComposedAction(Half half, const Subject& subject, bool invented_verb, Random* random) {
  const VerbForms verb =
      invented_verb ? InventedVerb(half, random) : KnownVerb(half, subject.kind, random);
  const Cast words = {
      {"to", {verb.to}},
      {"does", {verb.does}},
      {"done", {verb.done}},
      {"that", {"the " + subject.word}},
      {"any", {subject.kind == 'f' ? "some " + subject.word : WithArticle(subject.word)}}};
  Action action;
  action.verbs = {verb.to};
  action.object = subject.word;
  std::ranges::replace(action.object, ' ', '_');
  action.about = Expand(AnyOf(ItemsOf(half, kAbout), random), words, random);
  for (const char* request : ItemsOf(half, kRequests))
    action.requests.push_back(Expand(request, words, random));
  std::vector<std::string> needs(std::begin(kNeeds), std::end(kNeeds));
  Shuffle(&needs, random);
  needs.resize(1 + random->Below(3));
  action.needs = std::move(needs);
  const Outcome outcome = AnyOf(ItemsOf(half, kOutcomes), random);
  action.gives = {outcome.gives};
  action.reply = Reply(outcome, words, random);
  return action;
}

}  // namespace hadal::datagen
