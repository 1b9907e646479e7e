#include "engine/prefixes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kPage = arch::kPageTokens;
constexpr std::uint64_t kEveryTokens = PrefixRules::kEveryPages * kPage;

}  // namespace

Prefixes::Prefixes(const PrefixRules& rules, std::shared_ptr<cache::Pool> pool,
                   std::function<std::uint64_t()> free_bytes)
    : rules_(rules), free_bytes_(free_bytes), cache_(std::move(pool), std::move(free_bytes)) {}

// What the request shares with the state that it goes on from is in the pool already. That state is
// the last to give way, and gives way to the request itself.
bool Prefixes::Admit(ActiveRequest& next) {
  const bool asks = rules_.on && !next.sequence();
  const cache::PrefixTree::Match match =
      asks ? cache_.Find(next.prefix_scope(), next.tokens()) : cache::PrefixTree::Match();
  const std::uint64_t there = next.state_bytes() + cache_.SharedBytes(match);
  bool whole = false;
  const auto fits = [&](std::uint64_t held) {
    return next.promised_bytes() - std::min(held, next.promised_bytes()) <= free_bytes_();
  };
  // What could not be admitted anyway costs nobody his prefix.
  const std::uint64_t wanted =
      next.promised_bytes() - std::min(next.state_bytes(), next.promised_bytes());
  if (wanted > free_bytes_() + cache_.MostFreed()) return false;
  while (!whole && !fits(there)) {
    if (cache_.DropLeast(match.state)) continue;
    whole = match.state != nullptr && fits(match.state->state.own_bytes());
    if (!whole) return false;
  }
  if (!asks) return true;
  cache::PrefixUse use;
  auto state = cache_.Take(match, next.tokens(), whole, &use);
  next.GoOnFrom(std::move(state), use);
  return true;
}

std::uint64_t Prefixes::NextKept(const ActiveRequest& request) const {
  const std::uint64_t at = request.position(), branch = Branch(request);
  const std::uint64_t next =
      rules_.pass_tokens > 0
          ? (at + std::max<std::uint64_t>(rules_.pass_tokens, kEveryTokens)) / kPage * kPage
          : (at / kEveryTokens + 1) * kEveryTokens;
  return branch > at ? std::min(next, branch) : next;
}

std::uint64_t Prefixes::Branch(const ActiveRequest& request) const {
  const cache::PrefixUse& use = request.prefix();
  const std::uint64_t least =
      rules_.pass_tokens > 0 ? kEveryTokens : cache::PrefixCache::kLeastTokens;
  return use.known >= use.cached + least ? use.known : 0;
}

std::size_t Prefixes::RowsUntilKept(const ActiveRequest& request) const {
  if (!rules_.on || !request.reads()) return std::numeric_limits<std::size_t>::max();
  return NextKept(request) - request.position();
}

// A sequence that has processed guesses is no state of the text.
void Prefixes::Keep(const ActiveRequest& request) {
  const cache::Sequence& sequence = *request.sequence();
  if (sequence.tokens() != request.position()) return;
  cache_.Keep(request.prefix_scope(), request.tokens().first(sequence.tokens()), sequence);
}

void Prefixes::Advanced(const ActiveRequest& request) {
  if (!rules_.on) return;
  const std::uint64_t at = request.position();
  const std::uint64_t step = rules_.pass_tokens > 0 ? kPage : kEveryTokens;
  if (at % step == 0 || at == Branch(request) || at == request.prompt_tokens()) Keep(request);
}

void Prefixes::Ended(const ActiveRequest& request) {
  if (rules_.on && request.sequence() && !request.failed()) Keep(request);
}

}  // namespace hadal::engine
