// Guesses without weights: the text goes on as it did the last time that it said the same.
//
// The longest earlier match of the text's end is looked for in prompt and text, of at least
// kLeast and at most kMost tokens (ties: the latest), and what followed it is guessed. Texts that
// repeat, quote, edit or answer from their prompt have many; others few, and then nothing is
// guessed. Cost: one comparison a token of context, many at once, nothing kept.
// Source: prompt lookup decoding (A. Saxena, github.com/apoorvumang/prompt-lookup-decoding).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/drafter.h"

namespace hadal::engine {

class LookupDrafter final : public Drafter {
 public:
  static constexpr std::size_t kLeast = 2, kMost = 32;

  Status Draft(std::span<DraftText> texts) override;
};

// The longest match of the text's end that ends before it. length 0: none of kLeast.
struct EarlierMatch {
  std::size_t end = 0, length = 0;  // tokens[end - length, end) are the text's last `length`
};
EarlierMatch FindEarlier(std::span<const std::int32_t> tokens);

// A class for how long the match is that a guess follows, the guesses before it counted.
Evidence EvidenceOfMatch(std::size_t length);

}  // namespace hadal::engine
