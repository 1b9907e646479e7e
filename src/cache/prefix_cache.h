// The states of texts that were read before, kept for texts that begin like them.
//
// Kept is a fork of a sequence: its fixed block with windows, compressors' and indexers' tails and
// the MTP block's window and count, the page under way, and the full pages, which it shares. What
// goes on from it gives the bits of a text that was read from its beginning.
//
// It holds whatever of its pool is left over and gives way when that is wanted. The least valuable
// state is dropped first:
//
//   value = cost x likelihood / bytes
//   cost        tokens that would have to be read again: from the nearest shorter state on the same
//               way (from the beginning, if there is none) to this one
//   likelihood  (1 + uses) / (1 + age): uses of it by later texts; lookups since the last of them,
//               or since it was made
//   bytes       that dropping it frees: fixed block, and the pages that nobody else holds; nothing,
//               while somebody holds the state itself, as who writes it to disk does
//
// So states that are close to each other are thinned, shared beginnings stay, what nobody asks for
// ages, and of states that share their pages none is held for those. A state is kept only if
// nothing more valuable would have to go for it. One thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "cache/prefix_tree.h"
#include "cache/prefix_use.h"
#include "cache/sequence.h"

namespace hadal::cache {

// What a state's value is made of, see above.
struct StateWorth {
  std::uint64_t cost = 0;  // tokens
  double likelihood = 0;
  std::uint64_t bytes = 0;
  double value() const {
    return static_cast<double>(cost) * likelihood / static_cast<double>(bytes);
  }
};

class PrefixCache {
 public:
  static constexpr std::uint64_t kLeastTokens = 16;  // shorter texts are not kept

  // free_bytes: of the pool, what neither requests were promised nor anybody holds, now.
  PrefixCache(std::shared_ptr<Pool> pool, std::function<std::uint64_t()> free_bytes);

  // What a text of at least one token can go on from. Valid until anything else is called.
  PrefixTree::Match Find(std::uint64_t scope, TokenSpan text) const {
    return tree_.Find(scope, text);
  }
  // Bytes that a request which goes on from the match holds together with it.
  std::uint64_t SharedBytes(const PrefixTree::Match& match) const;
  // Drops the least valuable state but the one that is spared. False: there was none to drop.
  bool DropLeast(const KeptState* spared = nullptr);
  std::optional<StateWorth> LeastWorth(const KeptState* spared = nullptr) const;
  // Of a state that Keep would make. None: it is there, or too short.
  std::optional<StateWorth> WorthOfNew(std::uint64_t scope, TokenSpan text,
                                       const Sequence& sequence) const;
  // Bytes that dropping all of them would free, at most: pages that others hold too are counted.
  std::uint64_t MostFreed() const;

  // The state of the text's first tokens, a fork or, whole, the kept one itself, which nobody else
  // may hold and which is then kept no longer; and what the text got, counted. Absent: nothing to
  // go on from.
  std::optional<Sequence> Take(const PrefixTree::Match& match, TokenSpan text, bool whole,
                               PrefixUse* use);

  // The same of a text that goes on from elsewhere, with match.usable tokens: what it got, counted.
  void CountRestored(const PrefixTree::Match& match, TokenSpan text, PrefixUse* use);
  void Clear() noexcept { tree_.Clear(); }

  // Keeps a fork of a sequence that has processed `text`, if it is worth its place. The state that
  // is kept of the text now; null: none is. Whoever holds it keeps it from being dropped.
  std::shared_ptr<const Sequence> Keep(std::uint64_t scope, TokenSpan text,
                                       const Sequence& sequence);

  PrefixFigures figures() const;

 private:
  std::uint64_t ForkBytes(const Sequence& sequence) const;  // that a fork takes of the pool
  double Likelihood(std::uint64_t uses, std::uint64_t used_at) const;
  KeptState* Least(const KeptState* spared, StateWorth* worth) const;
  bool Drop(KeptState* state);
  Result<Sequence> Continue(KeptState* kept, std::uint64_t tokens, bool whole);
  static PrefixMiss MissOf(const PrefixTree::Match& match, TokenSpan text);

  std::shared_ptr<Pool> pool_;
  std::function<std::uint64_t()> free_bytes_;
  PrefixTree tree_;
  std::uint64_t now_ = 0;  // lookups so far
  PrefixFigures figures_;
};

}  // namespace hadal::cache
