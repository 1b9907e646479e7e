#include "engine/vocabulary.h"

#include "base/check.h"

namespace hadal::engine {
namespace {

constexpr std::string_view kMarkBytes = "\xF8\xF9\xFA\xFB\xFC\xFD\xFE\xFF";

// Tokens of single bytes are there for bytes that no text has, too.
std::vector<std::string_view> TextOfTokens(const text::Tokenizer& tokenizer) {
  std::vector<std::string_view> bytes(tokenizer.vocab_size());
  for (std::size_t t = 0; t < bytes.size(); ++t) {
    const auto id = static_cast<text::TokenId>(t);
    const std::string_view text = tokenizer.TokenBytes(id);
    if (text.find_first_of(kMarkBytes) == text.npos && tokenizer.AddedToken(text) != id)
      bytes[t] = text;
  }
  return bytes;
}

}  // namespace

Vocabulary::Vocabulary(const text::Tokenizer& tokenizer, std::span<const std::string_view> marks)
    : bytes_(TextOfTokens(tokenizer)), trie_({}) {
  HADAL_CHECK(marks.size() <= kMarkBytes.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const auto token = tokenizer.AddedToken(marks[i]);
    marks_.emplace_back(marks[i], token ? kMarkBytes.substr(i, 1) : marks[i]);
    if (token) bytes_[static_cast<std::size_t>(*token)] = kMarkBytes.substr(i, 1);
  }
  trie_ = grammar::TokenTrie(bytes_);
}

std::string_view Vocabulary::Bytes(std::int32_t token) const {
  const auto index = static_cast<std::size_t>(token);
  return token >= 0 && index < bytes_.size() ? bytes_[index] : std::string_view();
}

std::string Vocabulary::Mark(std::string_view mark) const {
  for (const auto& [name, spelling] : marks_)
    if (name == mark) return spelling;
  return std::string(mark);
}

}  // namespace hadal::engine
