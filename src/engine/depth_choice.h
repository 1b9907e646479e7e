// How many guesses of each text a pass tries.
//
// A pass of n texts gives n tokens and, of a text with d guesses, c1 + c1 c2 + .. + c1..cd more, if
// ci is the chance of its i-th guess after those before it. Guesses are taken in the order of that
// product, the likeliest first, whosever they are; as many of them as make tokens a second the
// most, and none if that is not clearly more than without.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace hadal::engine {

// [text][i]: the chance of its guess i.
using GuessChances = std::vector<std::vector<double>>;

// Guesses of each text to be tried, at most `most` together. seconds: of a pass of so many rows; 0:
// not known.
std::vector<std::size_t> ChooseDepths(const GuessChances& chances, std::size_t most,
                                      const std::function<double(std::size_t)>& seconds);

// Tokens that such a pass gives, on the average.
double ExpectedTokens(const GuessChances& chances, std::span<const std::size_t> depths);

// Without choosing: as many as there are and as there is room for, the first of every text
// before the second of any.
std::vector<std::size_t> AllDepths(const GuessChances& chances, std::size_t most);

}  // namespace hadal::engine
