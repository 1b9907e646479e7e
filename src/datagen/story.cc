#include "datagen/story.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "datagen/plots.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

constexpr const char* kStoryRequests[] = {
    "Tell me a story about {about}.",
    "[Write|Tell] a short story about {about}.",
    "I should like to hear a story about {about}.",
    "Do you know a story with {about} in it?",
    "Make up a tale about {about}.",
    "Tell me about {about}, but as a story.",
    "A story about {about}[, please|!]",
    "[Can|Could] you tell a story about {about}?",
    "Invent a story with {about} in it.",
    "Let me hear a tale of {about}.",
    "I want a story about {about}.",
    "Is there a story about {about}?",
    "Once more a story, and this time about {about}.",
    "What is a good story about {about}?",
    "Please tell the story of {about}.",
};

// In front of a story that somebody asked for, if its first sentence does not say of what it is.
constexpr const char* kOpenings[] = {
    "This is a story about {about}.",
    "Here is the story of {about}.",
    "[Once|Long ago] somebody told me about {about}.",
    "I know a story with {about} in it.",
    "So you want to hear of {about}: listen.",
    "It begins with {about}.",
    "Let me tell you about {about}.",
    "There is a tale about {about}.",
    "[Everything|All of it] began with {about}.",
    "What happened with {about} is soon told.",
};

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

// Whether the text holds whatever is bound to the names in a template.
bool Tells(const std::string& text, const std::string& sentence, const Cast& cast) {
  return std::ranges::all_of(cast, [&](const auto& bound) {
    return !Names(sentence, bound.first) || HasWord(text, bound.second.text);
  });
}

void AddQuestions(Half half, const Plot& plot, const Cast& cast, Random* random, Story* story) {
  for (const PlotQuestion& q : plot.questions) {
    const std::string question = Expand(q.question, cast, random);
    if (Tells(story->text, q.answer, cast)) {
      story->questions.push_back(
          {question, Expand(q.answer, cast, random), true, AskedFor(q.question, q.answer, cast)});
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
  cast["trade"] = {AnyWord(Words::kTrades, random),
                   random->Below(2) == 0 ? Gender::kHe : Gender::kShe};
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
  const bool man = random->Below(2) == 0;
  cast["an_old"] = {man ? "an old man" : "an old woman", man ? Gender::kHe : Gender::kShe};
  return cast;
}

std::string StoryRequest(Half half, const Story& story, Random* random) {
  return Expand(AnyOf(ItemsOf(half, kStoryRequests), random), {{"about", {story.about}}}, random);
}

std::string ToldOnRequest(Half half, const Story& story, Random* random) {
  if (HasWord(story.text.substr(0, story.text.find_first_of(".!?")), story.topic))
    return story.text;
  const Cast cast = {{"about", {story.about}}};
  return Expand(AnyOf(ItemsOf(half, kOpenings), random), cast, random) + "\n" + story.text;
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
  std::vector<std::pair<std::string, std::string>> topics = {{cast.find("hero")->second.text, ""}};
  for (const char* name : told)
    if (const std::string& word = cast.find(name)->second.text; HasWord(story.text, word))
      topics.emplace_back(word, name == told[3] ? word : WithArticle(word));
  std::tie(story.topic, story.about) = AnyOf(topics, random);
  if (story.about.empty()) story.about = story.topic;  // a name
  AddQuestions(half, plot, cast, random, &story);
  return story;
}

}  // namespace hadal::datagen
