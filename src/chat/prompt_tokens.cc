#include "chat/prompt_tokens.h"

#include <string_view>

#include "base/quote.h"

namespace hadal::chat {

Result<std::vector<text::TokenId>> PromptTokens(const text::Tokenizer& tokenizer,
                                                const Prompt& prompt,
                                                std::vector<std::uint64_t>* turn_ends) {
  std::vector<text::TokenId> tokens;
  std::size_t pieces = 0;
  auto turn_end = prompt.turn_ends().begin();
  for (const PromptPiece& piece : prompt.pieces()) {
    if (piece.control) {
      const std::optional<text::TokenId> token = tokenizer.AddedToken(piece.text);
      if (!token)
        return Fail(Code::kInvalid,
                    "the tokenizer has no token {}, which this conversation's format needs",
                    Quote(piece.text));
      tokens.push_back(*token);
    } else if (!piece.tokens.empty()) {
      tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
    } else {
      const std::vector<text::TokenId> text = tokenizer.Encode(piece.text);
      tokens.insert(tokens.end(), text.begin(), text.end());
    }
    ++pieces;
    for (; turn_end != prompt.turn_ends().end() && *turn_end == pieces; ++turn_end)
      if (turn_ends != nullptr) turn_ends->push_back(tokens.size());
  }
  return tokens;
}

std::size_t LeastPromptTokens(const text::Tokenizer& tokenizer, const Prompt& prompt) {
  std::size_t tokens = 0;
  for (const PromptPiece& piece : prompt.pieces()) {
    if (piece.control)
      ++tokens;
    else if (!piece.tokens.empty())
      tokens += piece.tokens.size();
    else
      tokens += tokenizer.LeastTokens(piece.text);
  }
  return tokens;
}

void AddTurnTokens(const text::Tokenizer& tokenizer, const Dialect& dialect,
                   std::vector<text::TokenId>* ends) {
  for (const std::string_view role :
       {dialect.bos, dialect.user, dialect.assistant, dialect.latest_reminder}) {
    if (role.empty()) continue;
    if (const auto token = tokenizer.AddedToken(role)) ends->push_back(*token);
  }
}

}  // namespace hadal::chat
