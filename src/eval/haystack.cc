#include "eval/haystack.h"

#include <algorithm>
#include <utility>

#include "chat/dialect.h"
#include "datagen/story.h"

namespace hadal::eval {
namespace {

using Tokens = std::vector<text::TokenId>;

// Lines of a usual paragraph's length: a needle can be put between any two.
constexpr std::size_t kLongestLine = 400;

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > kLongestLine) {
      const std::size_t stop = text.rfind(". ", begin + kLongestLine);
      end = stop != std::string::npos && stop > begin ? stop + 1 : begin + kLongestLine;
    }
    const std::size_t first = text.find_first_not_of(" \r\f", begin);
    if (first < end) lines.push_back(text.substr(first, end - first));
    begin = end + (end < text.size() && text[end] == '\n' ? 1 : 0);
  }
  return lines;
}

void Append(const Tokens& more, Tokens* tokens) {
  tokens->insert(tokens->end(), more.begin(), more.end());
}

}  // namespace

FillerLines::FillerLines(const text::Tokenizer& tokenizer, const std::string& text)
    : tokenizer_(tokenizer), lines_(LinesOf(text)) {}

Tokens FillerLines::Next(Random* random) {
  if (lines_.empty())
    return tokenizer_.Encode(datagen::MakeStory(datagen::Half::kHeldOut, random).text + "\n");
  if (!std::exchange(begun_, true)) next_ = random->Below(lines_.size());
  return tokenizer_.Encode(lines_[next_++ % lines_.size()] + "\n");
}

QuestionForm::QuestionForm(const chat::Dialect& dialect, const text::Tokenizer& tokenizer,
                           std::optional<std::size_t> bos)
    : tokenizer_(tokenizer) {
  if (bos) opening_.push_back(static_cast<text::TokenId>(*bos));
  const auto user = tokenizer.AddedToken(dialect.user),
             assistant = tokenizer.AddedToken(dialect.assistant),
             think_end = tokenizer.AddedToken(dialect.think_end);
  chat_ = user && assistant && think_end;
  if (!chat_) return;
  opening_.push_back(*user);
  answer_ = {*assistant, *think_end};
}

Tokens QuestionForm::Opening() const { return opening_; }

Tokens QuestionForm::Question(const datagen::Needle& needle) const { return Asked(needle, {}); }

Tokens QuestionForm::QuestionWithStem(const datagen::Needle& needle) const {
  return Asked(needle, needle.stem);
}

Tokens QuestionForm::Asked(const datagen::Needle& needle, const std::string& begun) const {
  Tokens tokens = tokenizer_.Encode("\n" + needle.question);
  if (chat_) {
    Append(answer_, &tokens);
    Append(tokenizer_.Encode(begun), &tokens);
  } else {
    Append(tokenizer_.Encode("\n" + begun), &tokens);
  }
  return tokens;
}

Tokens QuestionForm::Value(const datagen::Needle& needle) const {
  return tokenizer_.Encode(" " + needle.value + ".");
}

double NeedleTokens(const text::Tokenizer& tokenizer) {
  constexpr std::size_t kSome = 100;
  Random random(1);
  std::size_t tokens = 0;
  for (const auto& needle : datagen::MakeNeedles(datagen::Half::kHeldOut, kSome, &random))
    tokens += tokenizer.Encode(needle.statement + "\n").size();
  return static_cast<double>(tokens) / kSome;
}

std::size_t NeedlesAtOnce(std::size_t length, double share, double needle_tokens) {
  return std::clamp<std::size_t>(
      static_cast<std::size_t>(share * static_cast<double>(length) / needle_tokens), 1,
      datagen::MostNeedles(datagen::Half::kHeldOut));
}

Haystack BuildHaystack(const text::Tokenizer& tokenizer, const QuestionForm& form,
                       std::vector<PlacedNeedle> needles, std::size_t tokens, FillerLines* filler,
                       Random* random) {
  Haystack haystack;
  haystack.tokens = form.Opening();
  std::ranges::stable_sort(needles, {}, &PlacedNeedle::depth);
  std::size_t needle_tokens = 0;  // of those still to be placed
  for (PlacedNeedle& needle : needles) {
    needle.statement = tokenizer.Encode(needle.needle.statement + "\n");
    needle_tokens += needle.statement.size();
  }
  const std::size_t filler_tokens = tokens - haystack.tokens.size() - needle_tokens;
  const auto place_of = [&](double depth) {  // so many tokens of filler come before it
    return static_cast<std::size_t>(depth * static_cast<double>(filler_tokens));
  };
  std::size_t filled = 0;
  const auto fill_up_to = [&](std::size_t place) {
    while (filled < place) {
      Tokens line = filler->Next(random);
      line.resize(std::min(line.size(), place - filled));
      filled += line.size();
      Append(line, &haystack.tokens);
    }
  };
  for (PlacedNeedle& needle : needles) {
    fill_up_to(place_of(needle.depth));
    needle.begin = haystack.tokens.size();
    Append(needle.statement, &haystack.tokens);
  }
  fill_up_to(filler_tokens);
  haystack.needles = std::move(needles);
  return haystack;
}

}  // namespace hadal::eval
