#include "grammar/builder.h"

#include <algorithm>
#include <array>
#include <map>

namespace hadal::grammar {
namespace {

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
  for (const auto& [lo, hi] : ranges)
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

std::vector<std::uint32_t> Builder::NodesOf(Piece piece) const {
  std::vector<std::uint32_t> found = {piece.first};
  std::vector<bool> seen(nodes_.size());
  seen[piece.first] = true;
  const auto visit = [&](std::uint32_t node) {
    if (!seen[node]) found.push_back(node);
    seen[node] = true;
  };
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

std::vector<std::uint32_t> Builder::Closure(std::uint32_t node) const {
  std::vector<std::uint32_t> found = {node};
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const std::uint32_t next : nodes_[found[i]].empty)
      if (std::ranges::find(found, next) == found.end()) found.push_back(next);
  return found;
}

namespace {

// Which rules can match the empty text, and whether one can call itself before it reads anything.
class EmptyPaths {
 public:
  explicit EmptyPaths(const Grammar& grammar)
      : grammar_(grammar), empty_(grammar.rules.size()), entered_(grammar.rules.size()) {
    for (bool more = true; more;) {
      more = false;
      for (std::size_t rule = 0; rule < empty_.size(); ++rule) {
        if (empty_[rule] || !ReachesEnd(grammar_.rules[rule])) continue;
        empty_[rule] = more = true;
      }
    }
  }
  bool Loops() {
    for (std::size_t rule = 0; rule < empty_.size(); ++rule)
      if (Enter(static_cast<std::uint32_t>(rule))) return true;
    return false;
  }

 private:
  // The states that can be reached from one without reading, calls of empty rules stepped over.
  std::vector<std::uint32_t> WithoutReading(std::uint32_t state) const {
    std::vector<std::uint32_t> found = {state};
    for (std::size_t i = 0; i < found.size(); ++i)
      for (const Call& call : grammar_.states[found[i]].calls)
        if (empty_[call.rule] && std::ranges::find(found, call.next) == found.end())
          found.push_back(call.next);
    return found;
  }
  bool ReachesEnd(std::uint32_t state) const {
    return std::ranges::any_of(WithoutReading(state),
                               [&](std::uint32_t s) { return grammar_.states[s].end; });
  }
  bool Enter(std::uint32_t rule) {
    if (entered_[rule] != 0) return entered_[rule] == 1;  // on the way: a loop; done: none
    entered_[rule] = 1;
    for (const std::uint32_t state : WithoutReading(grammar_.rules[rule]))
      for (const Call& call : grammar_.states[state].calls)
        if (Enter(call.rule)) return true;
    entered_[rule] = 2;
    return false;
  }

  const Grammar& grammar_;
  std::vector<bool> empty_;
  std::vector<int> entered_;
};

// Takes out what leads to no end: a text that gets there could never be finished.
void RemoveDeadEnds(Grammar* grammar) {
  std::vector<bool> lives(grammar->states.size());
  const auto rule_lives = [&](std::uint32_t rule) { return lives[grammar->rules[rule]]; };
  const auto leads_on = [&](const State& state) {
    return state.end ||
           std::ranges::any_of(state.edges, [&](const Edge& e) { return lives[e.next]; }) ||
           std::ranges::any_of(state.calls,
                               [&](const Call& c) { return lives[c.next] && rule_lives(c.rule); });
  };
  for (bool more = true; more;) {
    more = false;
    for (std::size_t s = lives.size(); s-- > 0;)
      if (!lives[s] && leads_on(grammar->states[s])) lives[s] = more = true;
  }
  for (State& state : grammar->states) {
    std::erase_if(state.edges, [&](const Edge& e) { return !lives[e.next]; });
    std::erase_if(state.calls,
                  [&](const Call& c) { return !lives[c.next] || !rule_lives(c.rule); });
  }
}

}  // namespace

Result<Grammar> Builder::Finish() && {
  if (too_large()) return Fail(Code::kExhausted, "needs more than {} states", max_states_);
  // Only nodes behind a reading edge, a call or a rule's start become states.
  std::map<std::uint32_t, std::uint32_t> state_of;
  std::vector<std::uint32_t> order;
  const auto state = [&](std::uint32_t node) {
    const auto [entry, added] = state_of.emplace(node, order.size());
    if (added) order.push_back(node);
    return entry->second;
  };
  Grammar grammar;
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
    grammar.states.push_back(std::move(made));
  }
  RemoveDeadEnds(&grammar);
  const State& start = grammar.states[grammar.rules[0]];
  if (!start.end && start.edges.empty() && start.calls.empty())
    return Fail(Code::kInvalid, "no value can satisfy it");
  if (EmptyPaths(grammar).Loops())
    return Fail(Code::kInvalid, "refers to itself before anything is read");
  return grammar;
}

}  // namespace hadal::grammar
