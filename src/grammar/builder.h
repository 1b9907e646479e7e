// Builds grammars out of pieces, as regular expressions are.
//
//   Builder b;
//   const Piece digits = b.Repeat(b.Bytes('0', '9'), 1, kMany);
//   b.Define(b.NewRule(), b.Seq({b.Text("-"), digits}));
//   Result<Grammar> grammar = std::move(b).Finish();
//
// A piece is used once: sequences take their parts over. Copies come from Clone or from rules.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "grammar/grammar.h"

namespace hadal::grammar {

inline constexpr std::size_t kMany = std::numeric_limits<std::size_t>::max();

// From a first node to a last one.
struct Piece {
  std::uint32_t first = 0, last = 0;
};

class Builder {
 public:
  // max_states: of the grammar. Its pieces may have four times as many, before what they have in
  // common is found.
  explicit Builder(std::size_t max_states = 100'000) : max_states_(max_states) {}

  Piece Empty();
  Piece Nothing();  // matches no text at all
  Piece Text(std::string_view text);
  Piece Bytes(std::uint8_t lo, std::uint8_t hi);
  // One character of UTF-8 with a code in any of the ranges [lo, hi]; surrogates are left out.
  Piece Characters(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& ranges);
  Piece Seq(const std::vector<Piece>& parts);
  Piece Any(const std::vector<Piece>& choices);
  Piece Optional(Piece piece) { return Repeat(piece, 0, 1); }
  Piece Repeat(Piece piece, std::size_t least, std::size_t most);
  // The items in their order, those that are not required perhaps left out, `between` them; behind
  // them any number of `more`.
  struct Item {
    Piece piece;
    bool required;
  };
  Piece InOrder(const std::vector<Item>& items, Piece between, std::optional<Piece> more);
  Piece Call(std::size_t rule);
  Piece Calls(std::size_t rule, std::size_t least, std::size_t most);  // one after another
  Piece Clone(Piece piece);

  std::size_t NewRule();  // the first is rule 0
  void Define(std::size_t rule, Piece piece);
  std::size_t Rule(Piece piece);  // both: for pieces that are called more than once
  void SetCharacter(std::size_t rule) { character_ = static_cast<std::uint32_t>(rule); }
  std::optional<std::uint32_t> character() const { return character_; }
  // To be called first: from then on Characters leaves U+FF5C out, and JSON strings write it as
  // \uff5c. The names of this family's control tokens begin with it: no string can be taken for
  // one.
  void EscapeBars() { escaped_ = 0xFF5C; }
  std::optional<std::uint32_t> escaped() const { return escaped_; }

  // By hand: what NewNode made, with Link, is where pieces begin and end. Link reads nothing.
  std::uint32_t NewNode();
  void Link(std::uint32_t from, std::uint32_t to) { nodes_[from].empty.push_back(to); }

  // A text has been asked for that needs more states than allowed: everything built since is a
  // stub.
  bool too_large() const { return nodes_.size() / 4 > max_states_; }

  // Deterministic (grammar/reduce.h), without the states from which no end can be reached.
  // kExhausted: more states than max_states.
  // kInvalid: the language is empty, or a rule calls itself before it has read anything.
  Result<Grammar> Finish() &&;

 private:
  struct Node {
    std::vector<Edge> edges;
    std::vector<grammar::Call> calls;
    std::vector<std::uint32_t> empty;  // edges that read nothing
  };
  // What lies between the ends of a piece, its own nodes alone.
  std::vector<std::uint32_t> NodesOf(Piece piece);
  std::vector<std::uint32_t> Closure(std::uint32_t node);
  bool Visit(std::uint32_t node);

  std::size_t max_states_;
  std::vector<Node> nodes_;
  std::vector<Piece> rules_;
  std::optional<std::uint32_t> character_, escaped_;
  std::vector<std::uint32_t> visited_;  // by node: the last round that came by
  std::uint32_t round_ = 0;
};

}  // namespace hadal::grammar
