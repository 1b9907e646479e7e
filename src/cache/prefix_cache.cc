#include "cache/prefix_cache.h"

#include <algorithm>
#include <utility>

namespace hadal::cache {

PrefixCache::PrefixCache(std::shared_ptr<Pool> pool, std::function<std::uint64_t()> free_bytes)
    : pool_(std::move(pool)), free_bytes_(std::move(free_bytes)), tree_(pool_->layout()) {}

std::uint64_t PrefixCache::SharedBytes(const PrefixTree::Match& match) const {
  return match.usable / arch::kPageTokens * pool_->layout().page_bytes;
}

std::uint64_t PrefixCache::ForkBytes(const Sequence& sequence) const {
  const bool begun = sequence.tokens() % arch::kPageTokens != 0;
  return pool_->layout().fixed_bytes + (begun ? pool_->layout().page_bytes : 0);
}

double PrefixCache::Likelihood(std::uint64_t uses, std::uint64_t used_at) const {
  return static_cast<double>(1 + uses) / static_cast<double>(1 + now_ - used_at);
}

KeptState* PrefixCache::Least(const KeptState* spared, StateWorth* least_worth) const {
  KeptState* least = nullptr;
  for (KeptState* kept : tree_.states()) {
    const std::uint64_t bytes = kept->state->own_bytes();
    // Nothing is gained by dropping one that has nothing of its own, or that is held elsewhere.
    if (kept == spared || bytes == 0 || !HeldOnce(kept->state)) continue;
    const StateWorth worth{.cost = kept->state->tokens() - tree_.Before(*kept),
                           .likelihood = Likelihood(kept->uses, kept->used_at),
                           .bytes = bytes};
    if (least != nullptr && worth.value() >= least_worth->value()) continue;
    least = kept;
    *least_worth = worth;
  }
  return least;
}

std::optional<StateWorth> PrefixCache::LeastWorth(const KeptState* spared) const {
  StateWorth worth;
  if (Least(spared, &worth) == nullptr) return {};
  return worth;
}

std::optional<StateWorth> PrefixCache::WorthOfNew(std::uint64_t scope, TokenSpan text,
                                                  const Sequence& sequence) const {
  if (text.size() < kLeastTokens || tree_.At(scope, text) != nullptr) return {};
  return StateWorth{.cost = text.size() - tree_.Before(scope, text),
                    .likelihood = Likelihood(0, now_),
                    .bytes = ForkBytes(sequence)};
}

bool PrefixCache::Drop(KeptState* state) {
  if (state == nullptr) return false;
  tree_.Remove(state);
  ++figures_.dropped;
  return true;
}

bool PrefixCache::DropLeast(const KeptState* spared) {
  StateWorth worth;
  return Drop(Least(spared, &worth));
}

std::uint64_t PrefixCache::MostFreed() const {
  const arch::KvLayout& layout = pool_->layout();
  return tree_.pages() * layout.page_bytes + tree_.states().size() * layout.fixed_bytes;
}

Result<Sequence> PrefixCache::Continue(KeptState* kept, std::uint64_t tokens, bool whole) {
  kept->used_at = now_;
  ++kept->uses;
  auto sequence = whole ? Result<Sequence>(std::move(*tree_.Remove(kept))) : kept->state->Fork();
  if (!sequence.ok()) return sequence;
  HADAL_TRY_STATUS(sequence->BranchAt(tokens));
  return sequence;
}

PrefixMiss PrefixCache::MissOf(const PrefixTree::Match& match, TokenSpan text) {
  // The last token is read always; before it, where there is an MTP block, one more.
  if (match.usable + 2 >= text.size()) return PrefixMiss::kNone;
  if (match.dropped > std::max(match.usable, match.common)) return PrefixMiss::kDropped;
  if (match.common > match.usable + 1)
    return match.dropped > match.usable ? PrefixMiss::kDropped : PrefixMiss::kNoCheckpoint;
  return match.common == 0 ? PrefixMiss::kNew : PrefixMiss::kDiffers;
}

std::optional<Sequence> PrefixCache::Take(const PrefixTree::Match& match, TokenSpan text,
                                          bool whole, PrefixUse* use) {
  ++now_;
  *use = {.asked = true,
          .tokens = text.size(),
          .known = std::max(match.common, match.dropped),
          .miss = MissOf(match, text)};
  std::optional<Sequence> taken;
  if (match.state != nullptr) {
    auto sequence = Continue(match.state, match.usable, whole);
    if (sequence.ok())
      taken = std::move(*sequence);
    else
      use->miss = PrefixMiss::kNoMemory;
  }
  if (taken) use->cached = taken->tokens();
  figures_.Count(*use);
  return taken;
}

void PrefixCache::CountRestored(const PrefixTree::Match& match, TokenSpan text, PrefixUse* use) {
  ++now_;
  *use = {.asked = true,
          .tokens = text.size(),
          .cached = match.usable,
          .known = std::max(match.common, match.dropped),
          .miss = MissOf(match, text),
          .from_disk = match.usable};
  figures_.Count(*use);
}

std::shared_ptr<const Sequence> PrefixCache::Keep(std::uint64_t scope, TokenSpan text,
                                                  const Sequence& sequence) {
  if (text.size() < kLeastTokens) return nullptr;
  if (KeptState* kept = tree_.At(scope, text); kept != nullptr) {
    kept->used_at = now_;
    return kept->state;
  }
  const StateWorth worth = *WorthOfNew(scope, text, sequence);
  while (free_bytes_() < worth.bytes) {
    StateWorth least_worth;
    KeptState* least = Least(nullptr, &least_worth);
    if (least == nullptr || least_worth.value() >= worth.value()) return nullptr;
    Drop(least);
  }
  auto fork = sequence.Fork();
  if (!fork.ok()) return nullptr;  // the system has no memory: then it is not kept
  KeptState* kept = tree_.Add(scope, text, std::move(*fork));
  kept->used_at = now_;
  ++figures_.made;
  return kept->state;
}

PrefixFigures PrefixCache::figures() const {
  PrefixFigures figures = figures_;
  figures.states = tree_.states().size();
  return figures;
}

}  // namespace hadal::cache
