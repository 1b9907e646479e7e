#include "engine/depth_choice.h"

#include <algorithm>

namespace hadal::engine {
namespace {

constexpr double kLeastGain = 1.03;  // of tokens a second: below, it may be the measurements' noise

struct Ranked {
  std::size_t text;
  double gain;  // tokens expected of it
};

// Likeliest first. Within a text the products fall, so that no guess comes before an earlier one.
std::vector<Ranked> Rank(const GuessChances& chances) {
  std::vector<Ranked> ranked;
  for (std::size_t t = 0; t < chances.size(); ++t) {
    double gain = 1;
    for (const double chance : chances[t]) ranked.push_back({t, gain *= chance});
  }
  std::ranges::stable_sort(ranked, std::greater(), &Ranked::gain);
  return ranked;
}

}  // namespace

std::vector<std::size_t> ChooseDepths(const GuessChances& chances, std::size_t most,
                                      const std::function<double(std::size_t)>& seconds) {
  std::vector<std::size_t> depths(chances.size());
  const std::size_t texts = chances.size();
  const double without = seconds(texts);
  std::vector<Ranked> ranked = Rank(chances);
  ranked.resize(std::min(ranked.size(), most));
  if (without <= 0 || ranked.empty()) return depths;
  double tokens = static_cast<double>(texts), best = kLeastGain * tokens / without;
  std::size_t take = 0;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    tokens += ranked[i].gain;
    const double rate = tokens / seconds(texts + i + 1);
    if (rate <= best) continue;
    best = rate;
    take = i + 1;
  }
  for (std::size_t i = 0; i < take; ++i) ++depths[ranked[i].text];
  return depths;
}

double ExpectedTokens(const GuessChances& chances, std::span<const std::size_t> depths) {
  double tokens = 0;
  for (std::size_t t = 0; t < chances.size(); ++t) {
    double gain = 1;
    for (std::size_t i = 0; i <= depths[t]; ++i) {
      tokens += gain;
      if (i < depths[t]) gain *= chances[t][i];
    }
  }
  return tokens;
}

std::vector<std::size_t> AllDepths(const GuessChances& chances, std::size_t most) {
  std::vector<std::size_t> depths(chances.size());
  for (bool more = true; more && most > 0;) {
    more = false;
    for (std::size_t t = 0; t < chances.size() && most > 0; ++t) {
      if (depths[t] == chances[t].size()) continue;
      ++depths[t];
      --most;
      more = true;
    }
  }
  return depths;
}

}  // namespace hadal::engine
