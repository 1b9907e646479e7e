// What is to be found again: a key and its value in a sentence, far from the question.
//
// Keys are two words that seldom stand together; values are words or numbers that nothing hints at.
// So an answer is either found or wrong.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "datagen/half.h"

namespace hadal::datagen {

struct Needle {
  std::string key, value;
  std::string statement;  // "The secret number of the silver lantern is 4821."
  std::string question;   // "What is the secret number of the silver lantern?"
  std::string stem;       // "The secret number of the silver lantern is": the value comes next
  std::string Answer() const { return stem + " " + value + "."; }
};

// How many needles of a half may lie together: most of the keys that there are, but not so many
// that the last ones are hardly to be drawn.
std::size_t MostNeedles(Half half);
// Different keys. `count` is at most MostNeedles (HADAL_CHECK): there are only so many keys.
// alike: about half of the keys have a word of another's.
std::vector<Needle> MakeNeedles(Half half, std::size_t count, Random* random, bool alike = false);

// Gives some text that has nothing to do with any needle: a paragraph or so at a time.
using Filler = std::function<std::string(Random*)>;

// How near a recall document is to a real question; a model learns them in this order.
enum class RecallLevel {
  kPairs,      // "# king water ... # door fire ... ? king water"
  kSentences,  // needles' statements, and later their stems with the values; filler between
  kQuestions,  // needles in filler, then a conversation of questions
};
struct RecallOptions {
  RecallLevel level = RecallLevel::kQuestions;
  std::size_t bytes = 900;  // about so long
  std::size_t needles = 4;
  // Between a needle and its question, at least. What attention's window still holds teaches
  // nothing about finding.
  std::size_t nearest_bytes = 300;
};
std::string RecallDocument(Half half, const RecallOptions& options, const Filler& filler,
                           Random* random);

// Copying a list, counting it, finding what comes next.
struct ListTask {
  std::string request, answer;
};
ListTask MakeListTask(Half half, Random* random);
std::string ListTaskDocument(Half half, Random* random);

}  // namespace hadal::datagen
