// A language of byte strings: rules that call each other, each an automaton over bytes. Small
// enough to follow byte by byte while a text is generated (grammar/matcher.h).
//
// A rule has states; a state has edges for ranges of bytes, calls of rules (with the state to go on
// in behind the call), and may end its rule. Rule 0 is the whole language.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadal::grammar {

struct Edge {
  std::uint8_t lo, hi;  // inclusive
  std::uint32_t next;
};

struct Call {
  std::uint32_t rule, next;
};

struct State {
  std::vector<Edge> edges;
  std::vector<Call> calls;
  bool end = false;
};

struct Grammar {
  std::vector<State> states;
  std::vector<std::uint32_t> rules;  // where each starts
};

}  // namespace hadal::grammar
