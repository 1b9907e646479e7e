// A regular expression of JSON Schema as a piece of grammar: the texts inside a JSON string in
// which it is found. (Libraries of regular expressions match texts; following one byte by byte
// needs the automaton.)
//
// The subset: literals, escapes, ., \d \w \s and their opposites, classes, groups, |, * + ? {m,n},
// and ^ $ at the ends of the whole pattern or of its alternatives. Not: look-around, back
// references, \b, \p, ^ or $ elsewhere; named as unsupported.
// Source: ECMA-262, Pattern, with the flag u, as JSON Schema asks for.
#pragma once
#include <string_view>

#include "base/result.h"
#include "grammar/builder.h"

namespace hadal::grammar {

// kInvalid, kUnsupported: what was found at which byte.
Result<Piece> Pattern(Builder& b, std::string_view pattern);

}  // namespace hadal::grammar
