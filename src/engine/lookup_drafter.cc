#include "engine/lookup_drafter.h"

#include <algorithm>

namespace hadal::engine {

namespace {

static_assert(LookupDrafter::kLeast == 2, "matches are found by their last pair");

bool IsPair(const std::int32_t* at, std::int32_t first, std::int32_t second) {
  return (at[0] == first) & (at[1] == second);
}

// The end of the last pair of these two tokens that ends at `end` or before it; 0: there is none.
// Most of a long text has none, and is passed over by the block.
std::size_t LastPair(const std::int32_t* tokens, std::size_t end, std::int32_t first,
                     std::int32_t second) {
  constexpr std::size_t kBlock = 64;
  while (end >= 2) {
    const std::size_t pairs = std::min(kBlock, end - 1);
    const std::int32_t* at = tokens + end - pairs - 1;
    bool any = false;
    for (std::size_t i = 0; i < pairs; ++i) any |= IsPair(at + i, first, second);
    for (std::size_t i = pairs; any && i > 0; --i)
      if (IsPair(at + i - 1, first, second)) return end - pairs + i;
    end -= pairs;
  }
  return 0;
}

}  // namespace

EarlierMatch FindEarlier(std::span<const std::int32_t> tokens) {
  EarlierMatch best;
  const std::size_t size = tokens.size();
  if (size <= LookupDrafter::kLeast) return best;
  const auto before = [&](std::size_t end) {
    return LastPair(tokens.data(), end, tokens[size - 2], tokens[size - 1]);
  };
  for (std::size_t end = before(size - 1); end > 0; end = before(end - 1)) {
    const std::size_t most = std::min(end, LookupDrafter::kMost);
    std::size_t length = LookupDrafter::kLeast;
    while (length < most && tokens[end - 1 - length] == tokens[size - 1 - length]) ++length;
    if (length <= best.length) continue;
    best = {end, length};
    if (length == LookupDrafter::kMost) break;
  }
  return best;
}

Evidence EvidenceOfMatch(std::size_t length) {
  constexpr std::size_t kBegins[kEvidences - 1] = {3, 4, 5, 7, 10, 15, 24};
  return static_cast<Evidence>(std::ranges::upper_bound(kBegins, length) - kBegins);
}

Status LookupDrafter::Draft(std::span<DraftText> texts) {
  for (DraftText& text : texts) {
    if (text.most == 0) continue;
    const EarlierMatch match = FindEarlier(text.tokens);
    if (match.length == 0) continue;
    // Behind the text's end the match goes on with itself: a text that repeats does so for long.
    const std::size_t period = text.tokens.size() - match.end;
    for (std::size_t i = 0; i < text.most; ++i)
      text.guesses.push_back({.token = text.tokens[match.end + i % period],
                              .evidence = EvidenceOfMatch(match.length + i)});
  }
  return Unit{};
}

}  // namespace hadal::engine
