#include "cache/prefix_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "io/checksum.h"

namespace hadal::cache {
namespace {

constexpr std::size_t kRemembered = 1 << 16;  // nodes that have gone: 8 million tokens, 2 MB

std::uint64_t PageHash(std::uint64_t before, TokenSpan page) {
  return io::Checksum(std::as_bytes(page), before);
}

std::uint64_t ScopeHash(std::uint64_t scope) {
  return io::Checksum(std::as_bytes(std::span(&scope, 1)));
}

// The tokens of the longest state at the node that has processed less of what follows the node
// than `next`; none: nothing.
std::optional<std::uint64_t> ShorterAt(const PrefixNode& node, TokenSpan next) {
  std::optional<std::uint64_t> most;
  for (const auto& kept : node.states) {
    const std::size_t length = kept->behind.size();
    if (length >= next.size() || CommonLength(kept->behind, next) < length) continue;
    most = std::max(most.value_or(0), node.tokens + length);
  }
  return most;
}

std::uint64_t ShorterOnTheWay(const PrefixNode* node, TokenSpan next) {
  for (; node != nullptr; next = node->page == nullptr ? next : *node->page, node = node->parent)
    if (const auto found = ShorterAt(*node, next)) return *found;
  return 0;
}

}  // namespace

std::size_t CommonLength(TokenSpan a, TokenSpan b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

bool PrefixNode::Less::operator()(TokenSpan a, TokenSpan b) const {
  return std::ranges::lexicographical_compare(a, b);
}

PrefixTree::PrefixTree(const arch::KvLayout& layout)
    : returns_(layout.forgets() ? arch::kReturnTokens : kMostTokens) {}

// What is asked of a tree, and the best answer so far.
struct PrefixTree::Search {
  TokenSpan text;
  std::uint64_t returns;
  Match match = {};

  std::uint64_t most() const { return text.size() - 1; }

  // Nothing that has `common` tokens of the text can stand for more than is found. (One without
  // the MTP block's entries could for a token more, which is not worth a search.)
  bool Enough(std::uint64_t common) const {
    if (match.state == nullptr) return false;
    const std::uint64_t again = match.state->state->state().mtp_tokens > 0 ? 1 : 0;
    return match.usable + again >= std::min(common, most());
  }

  void Consider(KeptState& kept, std::uint64_t common) {
    ++match.looked;
    match.common = std::max(match.common, common);
    std::uint64_t usable = std::min(common, most());
    if (usable > 0 && kept.state->state().mtp_tokens > 0) --usable;
    if (usable < kept.state->tokens() && usable < kept.state->earliest().tokens) return;
    const bool shorter = usable == match.usable && match.state != nullptr &&
                         kept.state->tokens() < match.state->state->tokens();
    if (usable > match.usable || shorter) {
      match.state = &kept;
      match.usable = usable;
    }
  }

  // The node's own states, of a text that has all of the node's tokens.
  void AtNode(const PrefixNode& node) {
    const TokenSpan rest = text.subspan(node.tokens);
    for (const auto& kept : node.states)
      Consider(*kept, node.tokens + CommonLength(kept->behind, rest));
  }

  // A node and those behind it, all of whose states have just `common` tokens of the text. Who has
  // gone on for longer than he can come back is not asked.
  void Beyond(const PrefixNode& node, std::uint64_t common) {
    if (node.tokens > common && node.tokens - common > returns) return;
    for (const auto& kept : node.states) Consider(*kept, common);
    for (const auto& [page, child] : node.children) {
      if (Enough(common)) return;
      Beyond(*child, common);
    }
  }

  // Of the children that have less than a page of the text, those whose states may come back to
  // more of it than is found. Neighbours in the order have most in common.
  void Children(const PrefixNode& node) {
    const TokenSpan rest = text.subspan(node.tokens);
    const TokenSpan page = rest.first(std::min(rest.size(), arch::kPageTokens));
    const auto& children = node.children;
    const auto look = [&](const auto& child) {
      const std::size_t common = CommonLength(child.first, page);
      match.common = std::max(match.common, node.tokens + common);
      if (node.tokens + common <= match.usable || Enough(node.tokens + common)) return false;
      if (child.second->tokens - node.tokens - common > returns) return false;
      Beyond(*child.second, node.tokens + common);
      return true;
    };
    const auto [before, behind] = children.equal_range(page);
    for (auto at = behind; at != children.end() && look(*at);) ++at;
    for (auto at = before; at != children.begin() && look(*std::prev(at));) --at;
  }
};

const PrefixNode* PrefixTree::Walk(std::uint64_t scope, TokenSpan text) const {
  const auto root = roots_.find(scope);
  if (root == roots_.end()) return nullptr;
  const PrefixNode* node = &root->second;
  while (text.size() - node->tokens >= arch::kPageTokens) {
    const auto child = node->children.find(text.subspan(node->tokens, arch::kPageTokens));
    if (child == node->children.end()) break;
    node = child->second.get();
  }
  return node;
}

PrefixTree::Match PrefixTree::Find(std::uint64_t scope, TokenSpan text) const {
  Search search{.text = text, .returns = returns_};
  const PrefixNode* last = Walk(scope, text);
  // Backwards: what leaves the text earlier is of less use.
  for (const PrefixNode* node = last; node != nullptr; node = node->parent) {
    if (search.match.usable < node->tokens + arch::kPageTokens) {
      search.AtNode(*node);
      search.Children(*node);
    }
    if (node->dropped && search.match.dropped == 0) search.match.dropped = node->tokens;
  }
  std::uint64_t tokens = last == nullptr ? 0 : last->tokens;
  std::uint64_t hash = last == nullptr ? ScopeHash(scope) : last->hash;
  search.match.common = std::max(search.match.common, tokens);
  for (; text.size() - tokens >= arch::kPageTokens; tokens += arch::kPageTokens) {
    hash = PageHash(hash, text.subspan(tokens, arch::kPageTokens));
    if (!gone_.contains(hash)) break;
    search.match.dropped = tokens + arch::kPageTokens;
  }
  return search.match;
}

KeptState* PrefixTree::At(std::uint64_t scope, TokenSpan text) const {
  const PrefixNode* node = Walk(scope, text);
  if (node == nullptr || text.size() - node->tokens >= arch::kPageTokens) return nullptr;
  const TokenSpan behind = text.subspan(node->tokens);
  for (const auto& kept : node->states)
    if (std::ranges::equal(kept->behind, behind)) return kept.get();
  return nullptr;
}

PrefixNode* PrefixTree::Make(std::uint64_t scope, TokenSpan text) {
  const auto [root, fresh] = roots_.try_emplace(scope);
  PrefixNode* node = &root->second;
  if (fresh) node->hash = ScopeHash(scope);
  while (text.size() - node->tokens >= arch::kPageTokens) {
    const TokenSpan tokens = text.subspan(node->tokens, arch::kPageTokens);
    PrefixNode::Page page;
    std::ranges::copy(tokens, page.begin());
    const auto [at, added] = node->children.try_emplace(page);
    if (added) {
      at->second = std::make_unique<PrefixNode>();
      at->second->parent = node;
      at->second->page = &at->first;
      at->second->tokens = node->tokens + arch::kPageTokens;
      at->second->hash = PageHash(node->hash, tokens);
    }
    node = at->second.get();
  }
  return node;
}

KeptState* PrefixTree::Add(std::uint64_t scope, TokenSpan text, Sequence state) {
  PrefixNode* node = Make(scope, text);
  const TokenSpan behind = text.subspan(node->tokens);
  for (const std::byte* page : state.state().pages) ++holders_[page];
  node->states.push_back(std::make_unique<KeptState>(
      KeptState{.node = node,
                .behind = {behind.begin(), behind.end()},
                .state = std::make_shared<Sequence>(std::move(state))}));
  states_.push_back(node->states.back().get());
  return states_.back();
}

void PrefixTree::Forget(std::uint64_t hash) {
  if (!gone_.insert(hash).second) return;
  gone_order_.push_back(hash);
  if (gone_order_.size() <= kRemembered) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

void PrefixTree::Clear() noexcept {
  states_.clear();
  roots_.clear();
  holders_.clear();
  gone_.clear();
  gone_order_.clear();
}

std::shared_ptr<Sequence> PrefixTree::Remove(KeptState* kept) {
  std::erase(states_, kept);
  PrefixNode* node = kept->node;
  const auto found = std::ranges::find(node->states, kept, &std::unique_ptr<KeptState>::get);
  std::shared_ptr<Sequence> state = std::move(kept->state);
  for (const std::byte* page : state->state().pages)
    if (const auto holders = holders_.find(page); --holders->second == 0) holders_.erase(holders);
  node->states.erase(found);
  node->dropped = true;
  while (node->parent != nullptr && node->states.empty() && node->children.empty()) {
    Forget(node->hash);
    PrefixNode* parent = node->parent;
    parent->children.erase(parent->children.find(*node->page));
    node = parent;
  }
  return state;
}

std::uint64_t PrefixTree::Before(std::uint64_t scope, TokenSpan text) const {
  const PrefixNode* node = Walk(scope, text);
  return node == nullptr ? 0 : ShorterOnTheWay(node, text.subspan(node->tokens));
}

std::uint64_t PrefixTree::Before(const KeptState& state) const {
  return ShorterOnTheWay(state.node, state.behind);
}

}  // namespace hadal::cache
