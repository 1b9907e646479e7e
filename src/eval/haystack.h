// Texts with needles in them, as tokens (needle.h).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "chat/dialect.h"
#include "chat/prompt_tokens.h"
#include "datagen/recall.h"
#include "text/tokenizer.h"

namespace hadal::eval {

// Lines of text without end: those of a given text from a random place on, or made-up ones.
class FillerLines {
 public:
  FillerLines(const text::Tokenizer& tokenizer, const std::string& text);
  std::vector<text::TokenId> Next(Random* random);

 private:
  const text::Tokenizer& tokenizer_;
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
  bool begun_ = false;
};

struct PlacedNeedle {
  datagen::Needle needle;
  std::size_t depth_index = 0;
  double depth = 0;                      // where it was meant to lie
  std::size_t begin = 0;                 // position of its statement's first token
  std::vector<text::TokenId> statement;  // its tokens
};

struct Haystack {
  std::vector<text::TokenId> tokens;
  std::vector<PlacedNeedle> needles;  // in the order of their places
};

// How a question is put: in the chat format if the tokenizer has its control tokens.
class QuestionForm {
 public:
  QuestionForm(const chat::Dialect& dialect, const text::Tokenizer& tokenizer,
               std::optional<std::size_t> bos);
  bool chat() const { return chat_; }
  std::vector<text::TokenId> Opening() const;  // in front of the text
  // From the end of the text to where the answer begins.
  std::vector<text::TokenId> Question(const datagen::Needle& needle) const;
  // And the answer's beginning, up to the value.
  std::vector<text::TokenId> QuestionWithStem(const datagen::Needle& needle) const;
  // The value and the full stop.
  std::vector<text::TokenId> Value(const datagen::Needle& needle) const;

 private:
  std::vector<text::TokenId> Asked(const datagen::Needle& needle, const std::string& begun) const;

  const text::Tokenizer& tokenizer_;
  std::vector<text::TokenId> opening_, answer_;
  bool chat_ = false;
};

// Tokens of a needle's statement, on average: by bytes it takes thrice as many as by words.
double NeedleTokens(const text::Tokenizer& tokenizer);
// How many needles of so many tokens a text of `length` may hold: at most `share` of its tokens, at
// least one, and no more than there are different keys for.
std::size_t NeedlesAtOnce(std::size_t length, double share, double needle_tokens);

// `needles` have their depths; their places are chosen here. Exactly `tokens` long.
Haystack BuildHaystack(const text::Tokenizer& tokenizer, const QuestionForm& form,
                       std::vector<PlacedNeedle> needles, std::size_t tokens, FillerLines* filler,
                       Random* random);

}  // namespace hadal::eval
