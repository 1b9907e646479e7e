#include "engine/prefixes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace hadal::engine {
namespace {

constexpr std::uint64_t kEveryTokens = Prefixes::kEveryPages * arch::kPageTokens;

}  // namespace

Prefixes::Prefixes(bool on, std::shared_ptr<cache::Pool> pool,
                   std::function<std::uint64_t()> free_bytes)
    : on_(on), free_bytes_(free_bytes), cache_(std::move(pool), std::move(free_bytes)) {}

// What the request shares with the state that it goes on from is in the pool already. That state is
// the last to give way, and gives way to the request itself.
bool Prefixes::Admit(ActiveRequest& next) {
  const bool asks = on_ && !next.sequence();
  const cache::PrefixTree::Match match =
      asks ? cache_.Find(next.prefix_scope(), next.tokens()) : cache::PrefixTree::Match();
  const std::uint64_t there = next.state_bytes() + cache_.SharedBytes(match);
  bool whole = false;
  const auto fits = [&](std::uint64_t held) {
    return next.promised_bytes() - std::min(held, next.promised_bytes()) <= free_bytes_();
  };
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
  const std::uint64_t next = (at / kEveryTokens + 1) * kEveryTokens;
  return branch > at ? std::min(next, branch) : next;
}

std::uint64_t Prefixes::Branch(const ActiveRequest& request) {
  const cache::PrefixUse& use = request.prefix();
  return use.known >= use.cached + cache::PrefixCache::kLeastTokens ? use.known : 0;
}

std::size_t Prefixes::RowsUntilKept(const ActiveRequest& request) const {
  if (!on_ || !request.reads()) return std::numeric_limits<std::size_t>::max();
  return NextKept(request) - request.position();
}

// A sequence that has processed guesses is no state of the text.
void Prefixes::Keep(const ActiveRequest& request) {
  const cache::Sequence& sequence = *request.sequence();
  if (sequence.tokens() != request.position()) return;
  cache_.Keep(request.prefix_scope(), request.tokens().first(sequence.tokens()), sequence);
}

void Prefixes::Advanced(const ActiveRequest& request) {
  if (!on_) return;
  const std::uint64_t at = request.position();
  if (at % kEveryTokens == 0 || at == Branch(request) || at == request.prompt_tokens())
    Keep(request);
}

void Prefixes::Ended(const ActiveRequest& request) {
  if (on_ && request.sequence() && !request.failed()) Keep(request);
}

}  // namespace hadal::engine
