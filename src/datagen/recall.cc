#include "datagen/recall.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "datagen/conversation.h"
#include "datagen/grammar.h"
#include "datagen/words.h"
#include "text/answer_marks.h"

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

std::string KeyKind(Random* random) { return AnyWord(AnyOf(kKeyKinds, random), random); }
std::string KeyNoun(Random* random) {
  return AnyWord(kKeyNouns[random->Below(4) == 0 ? 1 : 0], random);
}

std::string NewKey(Half half, Random* random) {
  for (;;) {
    std::string key = KeyKind(random) + " ";  // in this order whatever the compiler
    key += KeyNoun(random);
    if (BelongsTo(half, std::string_view(key))) return key;
  }
}

// One that has a word of `other`: both must be read to tell the two apart. There may be none of
// this half: then any.
std::string KeyLike(Half half, const std::string& other, Random* random) {
  const std::size_t space = other.find(' ');
  for (int tries = 0; tries < 20; ++tries) {
    std::string key = random->Below(2) == 0 ? KeyKind(random) + other.substr(space)
                                            : other.substr(0, space + 1) + KeyNoun(random);
    if (BelongsTo(half, std::string_view(key))) return key;
  }
  return NewKey(half, random);
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

std::string Marked(const std::string& answer) {
  return text::kAnswerBegin + answer + text::kAnswerEnd;
}

// Some words of the filler, from any place of it.
std::string FillerWords(std::size_t words, const Filler& filler, Random* random) {
  std::string text = " ";
  while (static_cast<std::size_t>(std::ranges::count(text, ' ')) <= 2 * words)
    text += filler(random) + " ";
  std::ranges::replace(text, '\n', ' ');
  std::size_t begin = 0;
  for (std::size_t skip = random->Below(words + 1); skip > 0; --skip)
    begin = text.find(' ', begin + 1);
  std::size_t end = begin;
  for (; words > 0; --words) end = text.find(' ', end + 1);
  return text.substr(begin, end - begin);
}

// "# king water ... # door fire ... ? king water": a sign, a word and its value, with other words
// between the pairs, and every word asked for at the end. What a first attention head for recall
// learns from: the sign says which words an entry is about, and few words are in use.
std::string PairsDocument(const RecallOptions& options, const Filler& filler, Random* random) {
  std::vector<std::string> keys = SomeWords(Words::kShort, options.needles, random), values;
  constexpr std::size_t kBytesOfPair = 14, kBytesOfWord = 5;
  const std::size_t bytes = options.bytes / keys.size();
  const std::size_t words = (bytes - std::min(bytes, 2 * kBytesOfPair)) / kBytesOfWord;
  std::vector<std::size_t> order;
  std::string text;
  for (const std::string& key : keys) {
    order.push_back(order.size());
    values.push_back(AnyWord(Words::kShort, random));
    text += " # " + key + " " + values.back();
    text += FillerWords(words / 2 + random->Below(words + 1), filler, random);
  }
  text += FillerWords(options.nearest_bytes / kBytesOfWord, filler, random);
  Shuffle(&order, random);
  for (const std::size_t i : order) text += " ? " + keys[i] + Marked(" " + values[i]);
  return text.substr(1);
}

std::string SentencesDocument(Half half, const RecallOptions& options, const Filler& filler,
                              Random* random) {
  const std::vector<Needle> needles = MakeNeedles(half, options.needles, random, /*alike=*/true);
  std::vector<std::size_t> said;  // where the told ones were said last
  std::size_t answers = 0;
  std::string text;
  const auto far = [&] {
    std::vector<std::size_t> indices;
    for (std::size_t i = 0; i < said.size(); ++i)
      if (text.size() >= said[i] + options.nearest_bytes) indices.push_back(i);
    return indices;
  };
  while (text.size() < options.bytes || said.size() < needles.size() || answers == 0) {
    const std::size_t draw = random->Below(100);
    if (draw < 35 && said.size() < needles.size()) {
      text += needles[said.size()].statement + " ";
      said.push_back(text.size());
    } else if (const auto indices = far(); draw < 80 && !indices.empty()) {
      const std::size_t i = AnyOf(indices, random);
      text += needles[i].stem + Marked(" " + needles[i].value + ".") + " ";
      said[i] = text.size();
      ++answers;
    } else {
      text += filler(random) + "\n";
    }
  }
  return text;
}

// Filler of so many bytes or a little more.
std::vector<std::string> FillerPieces(std::size_t bytes, const Filler& filler, Random* random) {
  std::vector<std::string> pieces;
  for (std::size_t filled = 0; filled < bytes; filled += pieces.back().size())
    pieces.push_back(filler(random));
  return pieces;
}

// Every needle is asked for, and none from nearby.
std::string QuestionsDocument(Half half, const RecallOptions& options, const Filler& filler,
                              Random* random) {
  std::vector<Needle> needles = MakeNeedles(half, options.needles, random, /*alike=*/true);
  std::size_t bytes = options.nearest_bytes;
  for (const Needle& needle : needles)
    bytes += needle.statement.size() + needle.question.size() + needle.Answer().size();
  const std::size_t room = options.bytes - std::min(options.bytes, bytes);
  std::vector<std::string> pieces = FillerPieces(room, filler, random);
  for (const Needle& needle : needles)
    pieces.insert(pieces.begin() + static_cast<std::ptrdiff_t>(random->Below(pieces.size() + 1)),
                  needle.statement);
  for (std::string& piece : FillerPieces(options.nearest_bytes, filler, random))
    pieces.push_back(std::move(piece));
  std::string text;
  for (const std::string& piece : pieces) text += piece + (random->Below(2) == 0 ? "\n" : " ");

  Shuffle(&needles, random);
  Conversation talk;
  for (std::size_t i = 0; i < needles.size(); ++i) {
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
            const std::string key = fmt::format("{} {}", first, noun);
            keys[BelongsTo(Half::kHeldOut, std::string_view(key)) ? 1 : 0].insert(key);
          }
    return std::array{keys[0].size() * 9 / 10, keys[1].size() * 9 / 10};
  }();
  return most[half == Half::kHeldOut ? 1 : 0];
}

std::vector<Needle> MakeNeedles(Half half, std::size_t count, Random* random, bool alike) {
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
    const std::string key = fresh([&] {
      const bool like_another = alike && !needles.empty() && random->Below(2) == 0;
      return like_another ? KeyLike(half, AnyOf(needles, random).key, random)
                          : NewKey(half, random);
    });
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
      return PairsDocument(options, filler, random);
    case RecallLevel::kSentences:
      return SentencesDocument(half, options, filler, random);
    case RecallLevel::kQuestions:
      return QuestionsDocument(half, options, filler, random);
  }
  HADAL_CHECK(false);
}

}  // namespace hadal::datagen
