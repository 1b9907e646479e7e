#include "datagen/grammar.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"

namespace hadal::datagen {
namespace {

// What {he X} and its like become: for he, she, it and they.
struct Pronoun {
  std::string_view name;
  std::array<std::string_view, 4> words;
};
constexpr Pronoun kPronouns[] = {
    {"he", {"he", "she", "it", "they"}},
    {"him", {"him", "her", "it", "them"}},
    {"his", {"his", "her", "its", "their"}},
    {"himself", {"himself", "herself", "itself", "themselves"}},
    {"is", {"is", "is", "is", "are"}},
    {"was", {"was", "was", "was", "were"}},
    {"has", {"has", "has", "has", "have"}},
};

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Where the bracket that opens at `open` is closed.
std::size_t ClosingBracket(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '[') ++depth;
    if (text[i] == ']' && --depth == 0) return i;
  }
  HADAL_CHECK(false);  // a template without its "]"
}

std::vector<std::string_view> Alternatives(std::string_view inside) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= inside.size(); ++i) {
    if (i == inside.size() || (inside[i] == '|' && depth == 0)) {
      parts.push_back(inside.substr(begin, i - begin));
      begin = i + 1;
    } else if (inside[i] == '[') {
      ++depth;
    } else if (inside[i] == ']') {
      --depth;
    }
  }
  return parts;
}

const Noun& Find(const Cast& cast, std::string_view name) {
  const auto found = cast.find(name);
  HADAL_CHECK(found != cast.end());  // a template that asks for what nobody bound
  return found->second;
}

// The inside of {...}, its first letter in lower case.
std::string Slot(std::string_view inside, const Cast& cast) {
  const std::size_t space = inside.find(' ');
  if (space == std::string_view::npos) return Find(cast, inside).text;
  const std::string_view form = inside.substr(0, space);
  const Noun& noun = Find(cast, inside.substr(space + 1));
  if (form == "a") return WithArticle(noun.text);
  for (const Pronoun& pronoun : kPronouns)
    if (pronoun.name == form)
      return std::string(pronoun.words[static_cast<std::size_t>(noun.gender)]);
  HADAL_CHECK(false);  // a form that is none
}

}  // namespace

std::string WithArticle(std::string_view noun) {
  constexpr std::string_view kVowels = "aeiouAEIOU";
  const bool vowel = !noun.empty() && kVowels.find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

std::string Capitalised(std::string_view text) {
  std::string result(text);
  if (!result.empty() && result[0] >= 'a' && result[0] <= 'z')
    result[0] = static_cast<char>(result[0] - 'a' + 'A');
  return result;
}

bool Names(std::string_view sentence, std::string_view name) {
  const std::string word(name), capital = Capitalised(name);
  return std::ranges::any_of(
      std::array{"{" + word + "}", "{a " + word + "}", "{A " + word + "}", "{" + capital + "}"},
      [&](const std::string& slot) { return sentence.find(slot) != std::string_view::npos; });
}

bool HasWord(std::string_view text, std::string_view word) {
  const auto is_letter = [&](std::size_t at) {
    return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
  };
  const auto has = [&](std::string_view form) {
    for (std::size_t at = 0; (at = text.find(form, at)) != std::string_view::npos; ++at) {
      std::size_t end = at + form.size();
      if (end < text.size() && text[end] == 's') ++end;
      if ((at == 0 || !is_letter(at - 1)) && !is_letter(end)) return true;
    }
    return false;
  };
  return !word.empty() && (has(word) || has(Capitalised(word)));
}

std::string AskedFor(std::string_view question, std::string_view answer, const Cast& cast) {
  for (const auto& [name, noun] : cast)
    if (Names(answer, name) && !Names(question, name)) return noun.text;
  return {};
}

std::string Expand(std::string_view sentence, const Cast& cast, Random* random) {
  std::string out;
  for (std::size_t i = 0; i < sentence.size();) {
    if (sentence[i] == '[') {
      const std::size_t end = ClosingBracket(sentence, i);
      const auto parts = Alternatives(sentence.substr(i + 1, end - i - 1));
      out += Expand(parts[random->Below(parts.size())], cast, random);
      i = end + 1;
    } else if (sentence[i] == '{') {
      const std::size_t end = sentence.find('}', i);
      HADAL_CHECK(end != std::string_view::npos);
      std::string inside(sentence.substr(i + 1, end - i - 1));
      const bool capital = IsUpper(inside[0]);
      inside[0] = Lower(inside[0]);
      const std::string text = Slot(inside, cast);
      out += capital ? Capitalised(text) : text;
      i = end + 1;
    } else {
      out += sentence[i++];
    }
  }
  return out;
}

}  // namespace hadal::datagen
