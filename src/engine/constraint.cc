#include "engine/constraint.h"

#include <utility>

#include "base/quote.h"

namespace hadal::engine {

Language::Language(grammar::Grammar grammar, std::shared_ptr<const Vocabulary> vocabulary)
    : grammar_(std::move(grammar)),
      vocabulary_(std::move(vocabulary)),
      grammar_bytes_(sizeof(Language) + grammar_.bytes()),
      matcher_(grammar_),
      masks_(matcher_, vocabulary_->trie()) {
  Learnt();
}

LanguageText::LanguageText(std::shared_ptr<Language> language)
    : language_(std::move(language)), walker_([&]() -> grammar::Walker {
        const std::lock_guard lock(language_->mutex_);
        return grammar::Walker(language_->matcher_);
      }()) {}

bool LanguageText::Next(std::vector<std::uint64_t>* allowed) {
  const std::lock_guard lock(language_->mutex_);
  const std::span<const std::uint64_t> mask = language_->masks_.At(walker_.place());
  allowed->assign(mask.begin(), mask.end());
  language_->Learnt();
  return walker_.may_end();
}

bool LanguageText::Push(std::int32_t token) {
  const std::string_view bytes = language_->vocabulary().Bytes(token);
  const std::lock_guard lock(language_->mutex_);
  return !bytes.empty() && walker_.Push(bytes);
}

Constraint::Constraint(const ConstraintOptions& options)
    : awaited_(options.after), patience_(options.after_within) {
  if (options.language) text_.emplace(options.language);
}

Constraint::Choice Constraint::Next(std::vector<std::uint64_t>* allowed) {
  if (awaited_ && patience_ != 0) return {.restricted = false, .may_end = false};
  if (awaited_) {
    const auto token = static_cast<std::size_t>(*awaited_);
    allowed->assign(token / 64 + 1, 0);
    (*allowed)[token / 64] = std::uint64_t{1} << token % 64;
    return {.restricted = true, .may_end = false};
  }
  if (!text_) return {};
  return {.restricted = true, .may_end = text_->Next(allowed)};
}

Status Constraint::Accept(std::int32_t token) {
  if (awaited_) {
    if (token == *awaited_)
      awaited_.reset();
    else if (patience_ && *patience_ > 0)
      --*patience_;
    return Unit{};
  }
  if (text_ && !text_->Push(token))
    return Fail(Code::kInvalid, "token {} does not go on with what the text must be", token);
  return Unit{};
}

}  // namespace hadal::engine
