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
std::string Previous(const std::vector<std::string>& list, const std::string& item) {
  for (std::size_t i = 1; i < list.size(); ++i)
    if (list[i] == item) return list[i - 1];
  return "Nothing comes before " + item + ".";
}
std::string Item(const std::vector<std::string>&, const std::string& item) { return item; }
std::string Second(const std::vector<std::string>& list, const std::string&) { return list[1]; }
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
    {"Say the word {item}.", Item},
    {"Repeat after me: {item}", Item},
    {"Write {item}[.|!]", Item},
    {"Which word is this: {item}?", Item},
    {"Just give me {item} back.", Item},
    {"What is the second word here: {list}?", Second},
    {"Name the first of these: {list}", First},
    {"Which word is the last one: {list}?", Last},
    {"Which word comes before {item}: {list}?", Previous},
    {"Tell me the second of the row {list}.", Second},
    {"Copy: {list}", Same},
    {"{list}. Write this once more.", Same},
    {"Here are some words: {list}. [Say|Write] them again.", Same},
    {"I say {list}, and you say it too.", Same},
    {"Type what you see: {list}", Same},
    {"Say {list}.", Same},
    {"Once again, please: {list}", Same},
    {"Read aloud: {list}", Same},
    {"Answer with just these words: {list}", Same},
    {"These words come back to me unchanged: {list}", Same},
    {"Which word stands first: {list}?", First},
    {"What comes first in {list}?", First},
    {"What comes last in {list}?", Last},
    {"Give me the last word of this list: {list}", Last},
    {"The first one, please: {list}", First},
    {"The second one, please: {list}", Second},
    {"Which is the second of these: {list}?", Second},
    {"{list}. What follows {item}?", Next},
    {"{list}. Is {item} among them?", Contains},
    {"{list}. How many words are these?", Count},
    {"Take {item} away: {list}", Without},
    {"All but {item}: {list}", Without},
    {"The word is {item}. Say it.", Item},
    {"Answer with the word {item}.", Item},
    {"Your answer shall be {item}[.|!]", Item},
};

// Of words of a kind, of words that mean nothing, of names, or of numbers: all to be copied.
std::vector<std::string> AnyList(Half half, Words kind, std::size_t count, Random* random) {
  const std::size_t draw = random->Below(8);
  if (draw >= 4) return SomeWords(kind, count, random);
  std::vector<std::string> list;
  while (list.size() < count)
    list.push_back(draw == 0   ? PersonName(half, random).text
                   : draw == 1 ? std::to_string(random->Below(1000))
                               : InventedWord(half, random));
  return list;
}

}  // namespace

ListTask MakeListTask(Half half, Random* random) {
  static const auto training = ItemsOf(Half::kTraining, kTasks);
  static const auto heldout = ItemsOf(Half::kHeldOut, kTasks);
  constexpr Words kKinds[] = {Words::kAnimals, Words::kThings, Words::kFoods, Words::kColours,
                              Words::kPlants};
  const std::size_t count = 2 + random->Below(8);
  const std::vector<std::string> list = AnyList(half, AnyOf(kKinds, random), count, random);
  const Words kind = AnyOf(kKinds, random);
  const std::string item = random->Below(3) == 0 ? AnyWord(kind, random) : AnyOf(list, random);
  const Task& task = AnyOf(half == Half::kTraining ? training : heldout, random);
  return {Expand(task.request, {{"list", {Join(list)}}, {"item", {item}}}, random),
          task.answer(list, item)};
}

std::string ListTaskDocument(Half half, Random* random) {
  Conversation talk;
  const std::size_t turns = 2 + random->Below(4);
  for (std::size_t i = 0; i < turns; ++i) {
    const ListTask task = MakeListTask(half, random);
    talk.User(task.request);
    talk.Assistant(task.answer);
  }
  return talk.Text();
}

}  // namespace hadal::datagen
