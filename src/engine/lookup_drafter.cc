#include "engine/lookup_drafter.h"

#include <algorithm>

namespace hadal::engine {

EarlierMatch FindEarlier(std::span<const std::int32_t> tokens) {
  EarlierMatch best;
  if (tokens.size() <= LookupDrafter::kLeast) return best;
  const std::int32_t last = tokens.back();
  for (std::size_t end = tokens.size() - 1; end >= LookupDrafter::kLeast; --end) {
    if (tokens[end - 1] != last) continue;
    const std::size_t most = std::min(end, LookupDrafter::kMost);
    std::size_t length = 1;
    while (length < most && tokens[end - 1 - length] == tokens[tokens.size() - 1 - length])
      ++length;
    if (length <= best.length || length < LookupDrafter::kLeast) continue;
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
