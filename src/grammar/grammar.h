// A language of byte strings: rules that call each other, each an automaton over bytes. Small
// enough to follow byte by byte while a text is generated (grammar/matcher.h).
//
// A rule has states; a state has edges for ranges of bytes, calls of rules (with the state to go on
// in behind the call), and may end its rule. Rule 0 is the whole language.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace hadal::grammar {

struct Edge {
  std::uint8_t lo, hi;  // inclusive
  std::uint32_t next;
};

struct Call {
  std::uint32_t rule, next;
};

inline constexpr std::uint32_t kEndlessRun = 0xFFFF;

struct State {
  std::vector<Edge> edges;
  std::vector<Call> calls;
  bool end = false;
  std::uint32_t run = 0;  // how many times Grammar::character may be called one after another
};

struct Grammar {
  std::vector<State> states;
  std::vector<std::uint32_t> rules;  // where each starts
  // The rule, if there is one, that reads a character of a JSON string: any plain one
  // (grammar/token_trie.h), or an escaped one. Tokens of plain characters are many.
  std::optional<std::uint32_t> character;

  std::size_t bytes() const {
    std::size_t bytes = states.capacity() * sizeof(State) + rules.capacity() * sizeof(rules[0]);
    for (const State& state : states)
      bytes += state.edges.capacity() * sizeof(Edge) + state.calls.capacity() * sizeof(Call);
    return bytes;
  }
};

}  // namespace hadal::grammar
