// States of sequences, found by the tokens that they have processed: a tree whose edges are pages
// of 128 tokens.
//
// A node stands for a text of whole pages. At it lie the states that have processed this text and
// fewer than a page of tokens behind it; their full pages are shared with those of nodes before it
// (cache/sequence.h). A node without states below it goes away, so that what the tree holds is
// what its states hold; of nodes that went, 64 bits are remembered, so that a text that was known
// once can be told from a new one.
//
// Texts of different scopes share nothing. One thread.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cache/sequence.h"

namespace hadal::cache {

using TokenSpan = std::span<const std::int32_t>;
std::size_t CommonLength(TokenSpan a, TokenSpan b);  // of their beginnings

struct PrefixNode;

struct KeptState {
  PrefixNode* node = nullptr;
  std::vector<std::int32_t> behind;  // tokens behind the node's
  std::shared_ptr<Sequence> state;   // nobody changes it: others may hold it too, to write it
  std::uint64_t uses = 0;            // requests that went on from it
  std::uint64_t used_at = 0;         // its owner's time: when it was made or last used
};

struct PrefixNode {
  using Page = std::array<std::int32_t, arch::kPageTokens>;
  struct Less {
    using is_transparent = void;
    bool operator()(TokenSpan a, TokenSpan b) const;
  };
  using Children = std::map<Page, std::unique_ptr<PrefixNode>, Less>;

  PrefixNode* parent = nullptr;  // null: a scope's root
  const Page* page = nullptr;    // that leads here, in the parent's children
  std::uint64_t tokens = 0;      // from the root to here
  std::uint64_t hash = 0;        // of those and the scope
  bool dropped = false;          // a state that lay here has gone
  Children children;
  std::vector<std::unique_ptr<KeptState>> states;
};

class PrefixTree {
 public:
  // All states are of this layout.
  explicit PrefixTree(const arch::KvLayout& layout);

  struct Match {
    // That can stand for most of the text's tokens, and for how many; null and 0: none can.
    KeptState* state = nullptr;
    std::uint64_t usable = 0;
    std::uint64_t common = 0;   // tokens that the text begins with, and a state's text too
    std::uint64_t dropped = 0;  // .. and a text whose state has gone
    std::uint64_t looked = 0;   // states that were looked at: what it cost to find
  };
  // Of a text of at least one token, whose last one is never usable: it has yet to be read. A state
  // that has processed more than is common can go back as far as Sequence::earliest says. One with
  // the MTP block's entries stands for a token less than it has in common: the block's last entry
  // was made of the token behind, which may be another now, so the token is read again for its
  // streams.
  Match Find(std::uint64_t scope, TokenSpan text) const;

  // The state that has processed exactly this text; null: there is none.
  KeptState* At(std::uint64_t scope, TokenSpan text) const;
  // `state` has processed `text`, and no other state has.
  KeptState* Add(std::uint64_t scope, TokenSpan text, Sequence state);
  // The state, which leaves the tree.
  std::shared_ptr<Sequence> Remove(KeptState* kept);
  // Nothing is kept, and nothing remembered. Right also of a tree that an exception left half-made.
  void Clear() noexcept;

  // How many of a text's tokens the nearest shorter state on its way has processed; 0: none.
  std::uint64_t Before(std::uint64_t scope, TokenSpan text) const;
  std::uint64_t Before(const KeptState& state) const;

  const std::vector<KeptState*>& states() const { return states_; }  // in no order
  std::size_t pages() const { return holders_.size(); }  // that they hold, shared ones once

 private:
  struct Search;
  const PrefixNode* Walk(std::uint64_t scope, TokenSpan text) const;  // as far as there are nodes
  PrefixNode* Make(std::uint64_t scope, TokenSpan text);
  void Forget(std::uint64_t hash);

  const std::uint64_t returns_;                // tokens that a state can go back, at most
  std::map<std::uint64_t, PrefixNode> roots_;  // by scope
  std::vector<KeptState*> states_;
  std::unordered_map<const std::byte*, std::size_t> holders_;  // of each page: how many states
  // Hashes of nodes that have gone; the oldest are forgotten.
  std::unordered_set<std::uint64_t> gone_;
  std::deque<std::uint64_t> gone_order_;
};

}  // namespace hadal::cache
