// What is done to a grammar between building it and following texts through it.
#pragma once
#include <cstddef>

#include "base/result.h"
#include "grammar/grammar.h"

namespace hadal::grammar {

// Takes out what leads to no end: a text that gets there could never be finished.
void RemoveDeadEnds(Grammar* grammar);

// A rule calls itself, perhaps by others, before it has read anything.
bool RefersToItself(const Grammar& grammar);

// Every rule as an automaton that reads a byte, or calls a rule, in one way only, so that a place
// in a text is few positions (grammar/matcher.h) and nothing that patterns count is counted while a
// text is generated. The rules keep their languages. kExhausted: it would need more than
// max_states, or many times that in edges and sets of states on the way.
// Source: the construction by subsets (Rabin and Scott, 1959), calls being letters like bytes.
Result<Grammar> Determinise(const Grammar& grammar, std::size_t max_states);

// Writes State::run for the rule that reads a character.
void CountRuns(Grammar* grammar);

}  // namespace hadal::grammar
