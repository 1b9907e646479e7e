// What a text may be: tokens that would lead out of a language (grammar/grammar.h) are not drawn.
//
//   auto vocabulary = std::make_shared<const Vocabulary>(files.tokenizer);
//   HADAL_TRY(grammar::Grammar grammar, grammar::CompileSchema(schema));
//   auto language = std::make_shared<Language>(std::move(grammar), vocabulary);
//   request.constraint = {.language = language};
//
// The text is whole when it ends: an end (EOS, a stop id) is drawn only where a text of the
// language ends, and nothing else where it must. That goes before min_tokens and ignore_eos. What
// cuts a text (max_tokens, a stop text, a cancel) leaves the beginning of one.
//
// Which tokens are possible depends on the text alone, not on what a language has been asked
// before, so texts stay deterministic.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/vocabulary.h"
#include "grammar/grammar.h"
#include "grammar/masks.h"
#include "grammar/matcher.h"

namespace hadal::engine {

// A grammar over a vocabulary, and what has been learnt about it: which tokens may come where. Made
// once, for any number of requests and threads.
class Language {
 public:
  Language(grammar::Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary);

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  // Of the grammar and of what has been learnt about it, about; without the vocabulary. Any thread,
  // without waiting for one that learns.
  std::size_t bytes() const { return grammar_bytes_ + learnt_bytes_; }

 private:
  friend class LanguageText;
  void Learnt() { learnt_bytes_ = matcher_.bytes() + masks_.bytes(); }  // mutex_ is held

  const grammar::Grammar grammar_;
  const std::shared_ptr<const Vocabulary> vocabulary_;
  const std::size_t grammar_bytes_;
  std::atomic<std::size_t> learnt_bytes_{0};
  std::mutex mutex_;  // of what follows
  grammar::Matcher matcher_;
  grammar::Masks masks_;
};

// One text of a language, as it grows.
class LanguageText {
 public:
  explicit LanguageText(std::shared_ptr<Language> language);

  // *allowed: bit t % 64 of word t / 64 is token t. Returns whether the text may end here.
  bool Next(std::vector<std::uint64_t>* allowed);
  bool Push(std::int32_t token);  // false: it leads out of the language; nothing is taken

 private:
  std::shared_ptr<Language> language_;
  grammar::Walker walker_;
};

struct ConstraintOptions {
  std::shared_ptr<Language> language = {};  // null: any text
  // The language's text begins behind this token, such as </think>, and no end comes before
  // it. Absent: it begins at once.
  std::optional<std::int32_t> after = {};
  // That token is drawn when so many have come without it. Absent: whenever the model draws it.
  std::optional<std::size_t> after_within = {};
};

// The constraint of one request. A copy goes its own way.
class Constraint {
 public:
  explicit Constraint(const ConstraintOptions& options);

  // What may come next: all tokens (restricted false), or those of *allowed; and an end, or not.
  struct Choice {
    bool restricted = false, may_end = true;
  };
  Choice Next(std::vector<std::uint64_t>* allowed);
  // kInvalid: the token leads out of the language. Of what Next allows, none does.
  Status Accept(std::int32_t token);

 private:
  std::optional<std::int32_t> awaited_;  // not seen yet
  std::optional<std::size_t> patience_;  // tokens that may come before it is drawn
  std::optional<LanguageText> text_;
};

}  // namespace hadal::engine
