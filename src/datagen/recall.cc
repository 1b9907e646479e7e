#include "datagen/recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "datagen/conversation.h"
#include "datagen/grammar.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

struct NeedleForm {
  const char* statement;
  const char* question;
  const char* stem;
  bool number;
};
constexpr NeedleForm kForms[] = {
    {"The secret number of the {key} is {value}.", "What is the secret number of the {key}?",
     "The secret number of the {key} is", true},
    {"The password for the {key} is {value}.", "What is the password for the {key}?",
     "The password for the {key} is", false},
    {"Remember: the code of the {key} is {value}.", "Which code does the {key} have?",
     "The code of the {key} is", true},
    {"The word on the {key} is {value}.", "Which word is on the {key}?", "The word on the {key} is",
     false},
    {"The magic number of the {key} is {value}.", "What is the magic number of the {key}?",
     "The magic number of the {key} is", true},
    {"Whoever opens the {key} must say {value}.", "What must one say to open the {key}?",
     "To open the {key} one must say", false},
    {"The price of the {key} is {value} coins.", "What is the price of the {key}?",
     "The price of the {key} is", true},
    {"The owner of the {key} is called {value}.", "What is the owner of the {key} called?",
     "The owner of the {key} is called", false},
    {"In the book the {key} has the number {value}.", "Which number has the {key} in the book?",
     "In the book the {key} has the number", true},
    {"The hidden word of the {key} is {value}.", "What is the hidden word of the {key}?",
     "The hidden word of the {key} is", false},
};

// A key is a word of the first kinds and one of the second.
constexpr Words kKeyKinds[] = {Words::kAdjectives, Words::kColours, Words::kMaterials};
constexpr Words kKeyNouns[] = {Words::kThings, Words::kAnimals};

std::string NewKey(Half half, Random* random) {
  for (;;) {
    std::string key = AnyWord(AnyOf(kKeyKinds, random), random) + " " +
                      AnyWord(kKeyNouns[random->Below(4) == 0 ? 1 : 0], random);
    if (BelongsTo(half, std::string_view(key))) return key;
  }
}

std::string NumberValue(Random* random) {
  std::string digits;
  const std::size_t count = 2 + random->Below(3);
  for (std::size_t i = 0; i < count; ++i)
    digits += static_cast<char>('0' + (i == 0 ? 1 + random->Below(9) : random->Below(10)));
  return digits;
}

std::string WordValue(Half half, Random* random) {
  switch (random->Below(4)) {
    case 0:
      return InventedWord(half, random);
    case 1:
      return AnyWord(Words::kAnimals, random);
    case 2:
      return AnyWord(Words::kMaterials, random);
    default:
      return AnyWord(Words::kThings, random);
  }
}

// A key is a word and its value the next: what a first attention head for recall can learn from.
// In some documents a word or a sign stands between the two, which is harder. Pairs are some words
// apart, or several of them would fall into one compressed entry.
std::string PairsDocument(const RecallOptions& options, Random* random) {
  constexpr const char* kBetween[] = {" ", " ", " ", ": ", " is ", " has the "};
  constexpr const char* kJoints[] = {", and the ", ". There is ", "; now ", " and then "};
  const std::string between = AnyOf(kBetween, random), joint = AnyOf(kJoints, random);
  std::map<std::string, std::string> values;
  std::vector<std::string> keys;
  std::string text;
  while (text.size() < options.bytes) {
    const bool again = !keys.empty() && random->Below(100) < 50;
    const std::string& key = again ? AnyOf(keys, random) : AnyWord(Words::kShort, random);
    if (!again && values.contains(key)) continue;
    if (!again) {
      keys.push_back(key);
      values[key] = AnyWord(Words::kShort, random);
    }
    text += fmt::format("{}{}{}{}", text.empty() ? "" : joint, key, between, values[key]);
  }
  return text + ".";
}

std::string SentencesDocument(Half half, const RecallOptions& options, const Filler& filler,
                              Random* random) {
  const std::vector<Needle> needles = MakeNeedles(half, options.needles, random);
  std::string text;
  std::size_t told = 0;
  while (text.size() < options.bytes || told < needles.size()) {
    const std::size_t draw = random->Below(100);
    if (draw < 35 && told < needles.size()) {
      text += needles[told++].statement + " ";
    } else if (draw < 80 && told > 0) {
      text += needles[random->Below(told)].Answer() + " ";
    } else {
      text += filler(random) + "\n";
    }
  }
  return text;
}

std::string QuestionsDocument(Half half, const RecallOptions& options, const Filler& filler,
                              Random* random) {
  std::vector<Needle> needles = MakeNeedles(half, options.needles, random);
  std::vector<std::string> pieces;
  std::size_t bytes = 0;
  for (const Needle& needle : needles) bytes += needle.statement.size() + needle.question.size();
  while (bytes < options.bytes) {
    pieces.push_back(filler(random));
    bytes += pieces.back().size();
  }
  for (const Needle& needle : needles)
    pieces.insert(pieces.begin() + static_cast<std::ptrdiff_t>(random->Below(pieces.size() + 1)),
                  needle.statement);
  std::string text;
  for (const std::string& piece : pieces) text += piece + (random->Below(2) == 0 ? "\n" : " ");

  Shuffle(&needles, random);
  Conversation talk;
  for (std::size_t i = 0; i < std::min<std::size_t>(needles.size(), 6); ++i) {
    talk.User(i == 0 ? text + "\n" + needles[i].question : needles[i].question);
    talk.Assistant(needles[i].Answer());
  }
  return talk.Text();
}

}  // namespace

std::size_t MostNeedles(Half half) {
  static const auto most = [] {
    std::set<std::string> keys[2];
    for (const Words kind : kKeyKinds)
      for (const std::string& first : WordsOf(kind))
        for (const Words nouns : kKeyNouns)
          for (const std::string& noun : WordsOf(nouns)) {
            const std::string key = first + " " + noun;
            keys[BelongsTo(Half::kHeldOut, std::string_view(key)) ? 1 : 0].insert(key);
          }
    return std::array{keys[0].size() * 9 / 10, keys[1].size() * 9 / 10};
  }();
  return most[half == Half::kHeldOut ? 1 : 0];
}

std::vector<Needle> MakeNeedles(Half half, std::size_t count, Random* random) {
  HADAL_CHECK(count <= MostNeedles(half));
  const auto forms = ItemsOf(half, kForms);
  std::vector<Needle> needles;
  std::set<std::string> used;
  const auto fresh = [&used](const auto& draw) {
    for (;;)
      if (std::string word = draw(); used.insert(word).second) return word;
  };
  while (needles.size() < count) {
    const NeedleForm& form = AnyOf(forms, random);
    const std::string key = fresh([&] { return NewKey(half, random); });
    // Words repeat among many needles: there are only so many. A key must not give its own away.
    std::string value;
    do {
      value = form.number ? NumberValue(random) : WordValue(half, random);
    } while (key.find(value) != std::string::npos);
    const Cast cast = {{"key", {key}}, {"value", {value}}};
    needles.push_back({key, value, Expand(form.statement, cast, random),
                       Expand(form.question, cast, random), Expand(form.stem, cast, random)});
  }
  return needles;
}

std::string RecallDocument(Half half, const RecallOptions& options, const Filler& filler,
                           Random* random) {
  switch (options.level) {
    case RecallLevel::kPairs:
      return PairsDocument(options, random);
    case RecallLevel::kSentences:
      return SentencesDocument(half, options, filler, random);
    case RecallLevel::kQuestions:
      return QuestionsDocument(half, options, filler, random);
  }
  HADAL_CHECK(false);
}

}  // namespace hadal::datagen
