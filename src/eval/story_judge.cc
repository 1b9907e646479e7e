#include "eval/story_judge.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "datagen/grammar.h"

namespace hadal::eval {
namespace {

bool IsLetter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Each with the sign that ends it, and what follows that of quotation marks and blanks.
std::vector<std::string_view> Sentences(std::string_view text) {
  std::vector<std::string_view> sentences;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find_first_of(".!?\n", begin);
    end = end == std::string_view::npos ? text.size() : text.find_first_not_of(".!?\n\" ", end);
    end = std::min(end, text.size());
    const std::string_view sentence = text.substr(begin, end - begin);
    if (std::ranges::any_of(sentence, IsLetter)) sentences.push_back(sentence);
    begin = end;
  }
  return sentences;
}

// Words that are written with a capital where no sentence or speech begins: names of people, towns,
// days.
std::set<std::string> NamesIn(std::string_view text) {
  std::set<std::string> names;
  for (std::size_t at = 2; at < text.size(); ++at) {
    const bool inside = text[at - 1] == ' ' && (IsLetter(text[at - 2]) || text[at - 2] == ',');
    if (!inside || std::isupper(static_cast<unsigned char>(text[at])) == 0) continue;
    const std::string_view rest = text.substr(at);
    const auto end = std::ranges::find_if_not(rest, IsLetter);
    const std::string name(rest.begin(), end);
    if (name != "I") names.insert(name);
  }
  return names;
}

bool NamesStay(std::string_view story, const std::vector<std::string_view>& sentences) {
  const auto begin_of = [&](std::size_t sentence) {
    return static_cast<std::size_t>(sentences[sentence].begin() - story.begin());
  };
  const std::size_t count = sentences.size();
  const std::size_t middle = begin_of(count / 2), last = begin_of(count - (count + 3) / 4);
  bool stays = false, strangers = false;
  for (const std::string& name : NamesIn(story)) {
    stays |= datagen::HasWord(story.substr(0, middle), name) &&
             datagen::HasWord(story.substr(middle), name);
    strangers |= !datagen::HasWord(story.substr(0, last), name);
  }
  return stays && !strangers;
}

}  // namespace

StoryMarks JudgeStory(std::string_view story, std::string_view topic, bool ended) {
  constexpr std::size_t kFewest = 6;
  StoryMarks marks;
  const std::vector<std::string_view> sentences = Sentences(story);
  if (sentences.size() < 2) return marks;
  const std::string text = Lower(story), word = Lower(topic);
  const std::size_t first = sentences[0].size();
  marks.topic =
      datagen::HasWord(text.substr(0, first), word) && datagen::HasWord(text.substr(first), word);
  marks.names = NamesStay(story, sentences);
  std::set<std::string> different;
  for (const std::string_view sentence : sentences) different.insert(Lower(sentence));
  marks.flows = ended && sentences.size() >= kFewest && different.size() == sentences.size();
  return marks;
}

}  // namespace hadal::eval
