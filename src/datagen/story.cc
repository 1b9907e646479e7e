#include "datagen/story.h"

#include <algorithm>
#include <array>

#include "datagen/plots.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

constexpr const char* kNotSaid[] = {
    "The story does not say.",
    "I do not know. The text does not tell us that.",
    "That is not in the text, so I cannot say.",
    "The text says nothing about it.",
    "I have read it through, and nobody mentions that.",
    "It does not say that.",
    "I do not know, because the text does not say it.",
};

// What no plot ever tells.
constexpr const char* kNeverTold[] = {
    "How old was the mayor of the town?",
    "What song did {hero} like best?",
    "How many windows had the house of {friend}?",
    "What was the name of {hero}'s dog?",
    "On which shelf did {friend} keep the sugar?",
    "What did {hero} dream that night?",
    "How long is the road to the capital?",
    "What did {friend} have for breakfast?",
    "Which book was {hero} reading?",
    "Did {hero} ever learn to play the violin?",
    "What colour were {friend}'s shoes?",
    "How much did the house cost?",
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
bool HasWord(const std::string& text, const std::string& word) {
  return Has(text, word) || Has(text, Capitalised(word));
}

bool Uses(const std::string& sentence, const std::string& name) {
  const std::string capital = Capitalised(name);
  return std::ranges::any_of(
      std::array{"{" + name + "}", "{a " + name + "}", "{A " + name + "}", "{" + capital + "}"},
      [&](const std::string& slot) { return Has(sentence, slot); });
}

// Whether the text holds whatever is bound to the names in a template.
bool Tells(const std::string& text, const std::string& sentence, const Cast& cast) {
  return std::ranges::all_of(cast, [&](const auto& bound) {
    return !Uses(sentence, bound.first) || HasWord(text, bound.second.text);
  });
}

// What the answer names and the question does not.
std::string Asked(const PlotQuestion& q, const Cast& cast) {
  for (const auto& [name, noun] : cast)
    if (Uses(q.answer, name) && !Uses(q.question, name)) return noun.text;
  return {};
}

void AddQuestions(Half half, const Plot& plot, const Cast& cast, Random* random, Story* story) {
  for (const PlotQuestion& q : plot.questions) {
    const std::string question = Expand(q.question, cast, random);
    if (Tells(story->text, q.answer, cast)) {
      story->questions.push_back({question, Expand(q.answer, cast, random), true, Asked(q, cast)});
    } else if (Tells(story->text, q.question, cast)) {
      story->questions.push_back({question, DoesNotSay(half, random), false, {}});
    }
  }
  static const auto heldout = ItemsOf(Half::kHeldOut, kNeverTold);
  static const auto training = ItemsOf(Half::kTraining, kNeverTold);
  const char* never = AnyOf(half == Half::kTraining ? training : heldout, random);
  story->questions.push_back({Expand(never, cast, random), DoesNotSay(half, random), false, {}});
  Shuffle(&story->questions, random);
}

}  // namespace

std::string DoesNotSay(Half half, Random* random) { return AnyOf(ItemsOf(half, kNotSaid), random); }

Cast MakeCast(Half half, Random* random) {
  Cast cast;
  const auto bind = [&](const char* name, std::string text) { cast[name] = {std::move(text)}; };
  cast["hero"] = PersonName(half, random);
  do {
    cast["friend"] = PersonName(half, random);
  } while (cast["friend"].text == cast["hero"].text);
  cast["elder"] = Relative(random);
  bind("animal", AnyWord(Words::kAnimals, random));
  const std::vector<std::string> things = SomeWords(Words::kThings, 2, random);
  bind("thing", things[0]);
  bind("other", things[1]);
  bind("food", AnyWord(Words::kFoods, random));
  bind("colour", AnyWord(Words::kColours, random));
  bind("adjective", AnyWord(Words::kAdjectives, random));
  bind("plant", AnyWord(Words::kPlants, random));
  bind("trade", AnyWord(Words::kTrades, random));
  bind("material", AnyWord(Words::kMaterials, random));
  bind("weather", AnyWord(Words::kWeather, random));
  bind("feeling", AnyWord(Words::kFeelings, random));
  bind("sound", AnyWord(Words::kSounds, random));
  bind("day", AnyWord(Words::kWeekdays, random));
  bind("count", NumberWord(2 + random->Below(10)));
  bind("town", TownName(half, random));
  bind("place", PlaceName(half, random));
  do {
    bind("far", PlaceName(half, random));
  } while (cast["far"].text == cast["place"].text);
  bind("an_old", random->Below(2) == 0 ? "an old man" : "an old woman");
  return cast;
}

Story MakeStory(Half half, Random* random) {
  static const auto training = ItemsOf(Half::kTraining, AllPlots());
  static const auto heldout = ItemsOf(Half::kHeldOut, AllPlots());
  const Plot& plot = AnyOf(half == Half::kTraining ? training : heldout, random);
  const Cast cast = MakeCast(half, random);
  Story story;
  story.title = plot.title;
  for (const std::vector<std::string>& ways : plot.beats) {
    if (!story.text.empty()) story.text += '\n';
    story.text += Expand(AnyOf(ways, random), cast, random);
  }
  const char* told[] = {"animal", "thing", "other", "food", "plant"};
  std::vector<std::string> topics = {cast.find("hero")->second.text};
  for (const char* name : told)
    if (const std::string& word = cast.find(name)->second.text; HasWord(story.text, word))
      topics.push_back(name == told[3] ? word : WithArticle(word));
  story.about = AnyOf(topics, random);
  AddQuestions(half, plot, cast, random, &story);
  return story;
}

}  // namespace hadal::datagen
