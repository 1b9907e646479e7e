#include "grammar/builder.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "grammar/reduce.h"

namespace hadal::grammar {
namespace {

constexpr std::size_t kEdgesPerState = 20;  // at most, on average of the states allowed

using Range = std::pair<std::uint32_t, std::uint32_t>;

// The codes of one length of UTF-8: bytes, and the ranges that they spell.
struct Utf8Length {
  std::size_t bytes;
  std::uint32_t lo, hi;
};
constexpr Utf8Length kLengths[] = {{1, 0, 0x7F},
                                   {2, 0x80, 0x7FF},
                                   {3, 0x800, 0xD7FF},
                                   {3, 0xE000, 0xFFFF},
                                   {4, 0x10000, 0x10FFFF}};
constexpr std::uint8_t kLead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};  // by length

std::vector<std::uint8_t> Spell(std::uint32_t code, std::size_t bytes) {
  std::vector<std::uint8_t> out(bytes);
  for (std::size_t i = bytes; i-- > 1; code >>= 6)
    out[i] = static_cast<std::uint8_t>(0x80 | (code & 0x3F));
  out[0] = static_cast<std::uint8_t>(kLead[bytes] | code);
  return out;
}

std::vector<Range> Without(std::optional<std::uint32_t> code, const std::vector<Range>& ranges) {
  if (!code) return ranges;
  std::vector<Range> out;
  for (const auto& [lo, hi] : ranges) {
    if (lo < *code) out.push_back({lo, std::min(hi, *code - 1)});
    if (hi > *code) out.push_back({std::max(lo, *code + 1), hi});
  }
  return out;
}

}  // namespace

std::uint32_t Builder::NewNode() {
  // Beyond the limit nothing grows any more; Finish says so.
  if (!too_large()) nodes_.emplace_back();
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

Piece Builder::Empty() {
  const std::uint32_t node = NewNode();
  return {node, node};
}

Piece Builder::Nothing() {
  const std::uint32_t first = NewNode();
  return {first, NewNode()};
}

Piece Builder::Text(std::string_view text) {
  const std::uint32_t first = NewNode();
  std::uint32_t last = first;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    const std::uint32_t next = NewNode();
    nodes_[last].edges.push_back({byte, byte, next});
    last = next;
  }
  return {first, last};
}

Piece Builder::Bytes(std::uint8_t lo, std::uint8_t hi) {
  const Piece piece = Nothing();
  nodes_[piece.first].edges.push_back({lo, hi, piece.last});
  return piece;
}

Piece Builder::Characters(const std::vector<Range>& ranges) {
  const Piece piece = Nothing();
  // From `node`, bytes of the two spellings from `at` on, and everything between them.
  const auto add = [&](auto&& self, std::uint32_t node, const std::vector<std::uint8_t>& lo,
                       const std::vector<std::uint8_t>& hi, std::size_t at) -> void {
    if (at + 1 == lo.size()) {
      nodes_[node].edges.push_back({lo[at], hi[at], piece.last});
      return;
    }
    if (lo[at] == hi[at]) {
      const std::uint32_t next = NewNode();
      nodes_[node].edges.push_back({lo[at], lo[at], next});
      return self(self, next, lo, hi, at + 1);
    }
    // The lowest lead with what is not below, the highest with what is not above, those between
    // freely.
    std::vector<std::uint8_t> least(lo.size(), 0x80), most(lo.size(), 0xBF);
    const bool lowest_is_whole =
        std::equal(lo.begin() + static_cast<std::ptrdiff_t>(at) + 1, lo.end(),
                   least.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    const bool highest_is_whole =
        std::equal(hi.begin() + static_cast<std::ptrdiff_t>(at) + 1, hi.end(),
                   most.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    std::uint8_t first = lo[at], last = hi[at];
    if (!lowest_is_whole) {
      const std::uint32_t next = NewNode();
      nodes_[node].edges.push_back({first, first, next});
      self(self, next, lo, most, at + 1);
      ++first;
    }
    if (!highest_is_whole) {
      const std::uint32_t next = NewNode();
      nodes_[node].edges.push_back({last, last, next});
      self(self, next, least, hi, at + 1);
      --last;
    }
    if (first > last) return;
    const std::uint32_t next = NewNode();
    nodes_[node].edges.push_back({first, last, next});
    self(self, next, least, most, at + 1);
  };
  for (const auto& [lo, hi] : Without(escaped_, ranges))
    for (const Utf8Length& length : kLengths) {
      const std::uint32_t from = std::max(lo, length.lo), to = std::min(hi, length.hi);
      if (from > to) continue;
      add(add, piece.first, Spell(from, length.bytes), Spell(to, length.bytes), 0);
    }
  return piece;
}

Piece Builder::Seq(const std::vector<Piece>& parts) {
  if (parts.empty()) return Empty();
  for (std::size_t i = 1; i < parts.size(); ++i) Link(parts[i - 1].last, parts[i].first);
  return {parts.front().first, parts.back().last};
}

Piece Builder::Any(const std::vector<Piece>& choices) {
  const Piece piece = Nothing();
  for (const Piece& choice : choices) {
    Link(piece.first, choice.first);
    Link(choice.last, piece.last);
  }
  return piece;
}

Piece Builder::Repeat(Piece piece, std::size_t least, std::size_t most) {
  // Copies are made of the untouched piece, so it is linked last.
  std::vector<Piece> copies;
  const std::size_t count = most == kMany ? least + 1 : most;
  for (std::size_t i = 1; i < count && !too_large(); ++i) copies.push_back(Clone(piece));
  copies.push_back(piece);
  if (count == 0) return Empty();
  const std::uint32_t first = NewNode(), last = NewNode();
  std::uint32_t at = first;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (i >= least) Link(at, last);
    Link(at, copies[i].first);
    at = NewNode();
    Link(copies[i].last, at);
    if (most == kMany && i + 1 == copies.size()) Link(at, copies[i].first);
  }
  Link(at, last);
  return {first, last};
}

Piece Builder::Call(std::size_t rule) {
  const Piece piece = Nothing();
  nodes_[piece.first].calls.push_back({static_cast<std::uint32_t>(rule), piece.last});
  return piece;
}

Piece Builder::Calls(std::size_t rule, std::size_t least, std::size_t most) {
  const std::uint32_t first = NewNode();
  std::uint32_t at = first;
  const auto call = [&](std::uint32_t next) {
    nodes_[at].calls.push_back({static_cast<std::uint32_t>(rule), next});
    at = next;
  };
  for (std::size_t i = 0; i < least && !too_large(); ++i) call(NewNode());
  if (most == kMany) {
    call(at);
    return {first, at};
  }
  const std::uint32_t last = NewNode();
  for (std::size_t i = least; i < most && !too_large(); ++i) {
    Link(at, last);
    call(NewNode());
  }
  Link(at, last);
  return {first, last};
}

// A round of visits to nodes: Visit says whether it is the round's first to this one.
bool Builder::Visit(std::uint32_t node) {
  visited_.resize(nodes_.size());
  return std::exchange(visited_[node], round_) != round_;
}

std::vector<std::uint32_t> Builder::NodesOf(Piece piece) {
  ++round_;
  std::vector<std::uint32_t> found;
  const auto visit = [&](std::uint32_t node) {
    if (Visit(node)) found.push_back(node);
  };
  visit(piece.first);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Node& node = nodes_[found[i]];
    for (const Edge& edge : node.edges) visit(edge.next);
    for (const grammar::Call& call : node.calls) visit(call.next);
    for (const std::uint32_t next : node.empty) visit(next);
  }
  visit(piece.last);
  return found;
}

Piece Builder::Clone(Piece piece) {
  if (too_large()) return piece;
  std::map<std::uint32_t, std::uint32_t> copy_of;
  const std::vector<std::uint32_t> originals = NodesOf(piece);
  for (const std::uint32_t node : originals) copy_of[node] = NewNode();
  if (too_large()) return piece;
  for (const std::uint32_t node : originals) {
    Node copy = nodes_[node];
    for (Edge& edge : copy.edges) edge.next = copy_of[edge.next];
    for (grammar::Call& call : copy.calls) call.next = copy_of[call.next];
    for (std::uint32_t& next : copy.empty) next = copy_of[next];
    nodes_[copy_of[node]] = std::move(copy);
  }
  return {copy_of[piece.first], copy_of[piece.last]};
}

std::size_t Builder::NewRule() {
  rules_.push_back(Nothing());
  return rules_.size() - 1;
}

void Builder::Define(std::size_t rule, Piece piece) {
  Link(rules_[rule].first, piece.first);
  Link(piece.last, rules_[rule].last);
}

std::size_t Builder::Rule(Piece piece) {
  const std::size_t rule = NewRule();
  Define(rule, piece);
  return rule;
}

std::vector<std::uint32_t> Builder::Closure(std::uint32_t node) {
  ++round_;
  Visit(node);
  std::vector<std::uint32_t> found = {node};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const std::uint32_t next : nodes_[found[i]].empty)
      if (Visit(next)) found.push_back(next);
  return found;
}

Piece Builder::InOrder(const std::vector<Item>& items, Piece between, std::optional<Piece> more) {
  const std::uint32_t begin = NewNode();
  std::uint32_t fresh = begin, written = NewNode();
  const std::size_t comma = Rule(between);
  const auto add = [&](Piece item, std::uint32_t next_written) {
    const std::size_t rule = Rule(item);  // it stands at two places
    const Piece first = Call(rule), later = Seq({Call(comma), Call(rule)});
    Link(fresh, first.first);
    Link(first.last, next_written);
    Link(written, later.first);
    Link(later.last, next_written);
  };
  for (const Item& item : items) {
    const std::uint32_t next_fresh = NewNode(), next_written = NewNode();
    add(item.piece, next_written);
    if (!item.required) {
      Link(fresh, next_fresh);
      Link(written, next_written);
    }
    fresh = next_fresh;
    written = next_written;
  }
  if (more) add(*more, written);
  const std::uint32_t end = NewNode();  // none of its own after nothing was written: no comma there
  Link(fresh, end);
  Link(written, end);
  return {begin, end};
}

Result<Grammar> Builder::Finish() && {
  const auto too_many = [&] {
    return Fail(Code::kExhausted, "needs more than {} states", max_states_);
  };
  if (too_large()) return too_many();
  // Only nodes behind a reading edge, a call or a rule's start become states.
  std::map<std::uint32_t, std::uint32_t> state_of;
  std::vector<std::uint32_t> order;
  const auto state = [&](std::uint32_t node) {
    const auto [entry, added] = state_of.emplace(node, order.size());
    if (added) order.push_back(node);
    return entry->second;
  };
  Grammar grammar;
  grammar.character = character_;
  std::size_t edges = 0;
  std::vector<bool> ends(nodes_.size());
  for (const Piece& rule : rules_) {
    grammar.rules.push_back(state(rule.first));
    ends[rule.last] = true;
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    State made;
    for (const std::uint32_t node : Closure(order[i])) {
      made.end = made.end || ends[node];
      for (const Edge& edge : nodes_[node].edges)
        made.edges.push_back({edge.lo, edge.hi, state(edge.next)});
      for (const grammar::Call& call : nodes_[node].calls)
        made.calls.push_back({call.rule, state(call.next)});
    }
    edges += made.edges.size() + made.calls.size();
    if (edges > kEdgesPerState * max_states_) return too_many();
    grammar.states.push_back(std::move(made));
  }
  RemoveDeadEnds(&grammar);
  const State& start = grammar.states[grammar.rules[0]];
  if (!start.end && start.edges.empty() && start.calls.empty())
    return Fail(Code::kInvalid, "no value can satisfy it");
  if (RefersToItself(grammar))
    return Fail(Code::kInvalid, "refers to itself before anything is read");
  HADAL_TRY(grammar, Determinise(grammar, max_states_));
  CountRuns(&grammar);
  return grammar;
}

}  // namespace hadal::grammar
