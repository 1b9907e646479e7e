// A prompt's tokens: control pieces are one token each, and text is text, whatever it spells.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "chat/dialect.h"
#include "chat/prompt.h"
#include "text/tokenizer.h"

namespace hadal::chat {

// kInvalid: a control token that the tokenizer does not have. turn_ends: where the turns end that
// the model replies to (Prompt::turn_ends), in tokens, ascending; may be null.
Result<std::vector<text::TokenId>> PromptTokens(const text::Tokenizer& tokenizer,
                                                const Prompt& prompt,
                                                std::vector<std::uint64_t>* turn_ends = nullptr);

// How many they are at the least, which is known before a text is taken apart.
std::size_t LeastPromptTokens(const text::Tokenizer& tokenizer, const Prompt& prompt);

// Those that begin a turn, anybody's: where a reply has one it has ended, as at its EOS.
void AddTurnTokens(const text::Tokenizer& tokenizer, const Dialect& dialect,
                   std::vector<text::TokenId>* ends);

}  // namespace hadal::chat
