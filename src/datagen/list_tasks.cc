// Tasks on short lists (recall.h).
#include <array>

#include "datagen/conversation.h"
#include "datagen/grammar.h"
#include "datagen/recall.h"
#include "datagen/words.h"

namespace hadal::datagen {
namespace {

std::string Join(const std::vector<std::string>& words, const char* last = ", ") {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? last : ", ") + words[i];
  return text;
}

struct Task {
  const char* request;  // {list}, {item}
  std::string (*answer)(const std::vector<std::string>& list, const std::string& item);
};

std::string Same(const std::vector<std::string>& list, const std::string&) { return Join(list); }
std::string Count(const std::vector<std::string>& list, const std::string&) {
  return "There are " + NumberWord(list.size()) + ".";
}
std::string First(const std::vector<std::string>& list, const std::string&) { return list.front(); }
std::string Last(const std::vector<std::string>& list, const std::string&) { return list.back(); }
std::string Reversed(const std::vector<std::string>& list, const std::string&) {
  return Join({list.rbegin(), list.rend()});
}
std::string Next(const std::vector<std::string>& list, const std::string& item) {
  for (std::size_t i = 0; i + 1 < list.size(); ++i)
    if (list[i] == item) return list[i + 1];
  return "Nothing comes after " + item + ".";
}
std::string Contains(const std::vector<std::string>& list, const std::string& item) {
  for (const std::string& word : list)
    if (word == item) return "Yes, " + item + " is in it.";
  return "No, " + item + " is not in it.";
}
std::string Without(const std::vector<std::string>& list, const std::string& item) {
  std::vector<std::string> kept;
  for (const std::string& word : list)
    if (word != item) kept.push_back(word);
  return Join(kept);
}

constexpr Task kTasks[] = {
    {"Copy this: {list}", Same},
    {"Say this again: {list}", Same},
    {"[Please repeat|Repeat] these words: {list}", Same},
    {"Write the list once more: {list}", Same},
    {"Echo: {list}", Same},
    {"How many words are in this list: {list}?", Count},
    {"Count these: {list}", Count},
    {"Here is a list: {list}. How many are there?", Count},
    {"[What is|Tell me] the number of items: {list}", Count},
    {"If I put {list} on the table, how many things lie there?", Count},
    {"What is the first word here: {list}?", First},
    {"Name the last of these: {list}", Last},
    {"Which word comes after {item}: {list}?", Next},
    {"In the list {list}, what follows {item}?", Next},
    {"What stands right behind {item} in this row: {list}?", Next},
    {"Is {item} in this list: {list}?", Contains},
    {"Do you see {item} here: {list}?", Contains},
    {"Say it backwards: {list}", Reversed},
    {"Leave out {item}: {list}", Without},
    {"Does {item} belong to these words: {list}?", Contains},
};

}  // namespace

ListTask MakeListTask(Half half, Random* random) {
  static const auto training = ItemsOf(Half::kTraining, kTasks);
  static const auto heldout = ItemsOf(Half::kHeldOut, kTasks);
  constexpr Words kKinds[] = {Words::kAnimals, Words::kThings, Words::kFoods, Words::kColours,
                              Words::kPlants};
  const std::size_t count = 2 + random->Below(8);
  std::vector<std::string> list;
  if (random->Below(4) == 0) {
    while (list.size() < count) list.push_back(InventedWord(half, random));
  } else {
    list = SomeWords(AnyOf(kKinds, random), count, random);
  }
  const Words kind = AnyOf(kKinds, random);
  const std::string item = random->Below(3) == 0 ? AnyWord(kind, random) : AnyOf(list, random);
  const Task& task = AnyOf(half == Half::kTraining ? training : heldout, random);
  return {Expand(task.request, {{"list", {Join(list)}}, {"item", {item}}}, random),
          task.answer(list, item)};
}

std::string ListTaskDocument(Half half, Random* random) {
  Conversation talk;
  const std::size_t turns = 1 + random->Below(3);
  for (std::size_t i = 0; i < turns; ++i) {
    const ListTask task = MakeListTask(half, random);
    talk.User(task.request);
    talk.Assistant(task.answer);
  }
  return talk.Text();
}

}  // namespace hadal::datagen
