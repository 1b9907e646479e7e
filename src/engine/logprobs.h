// Log-probabilities of a chosen token and of its likeliest alternatives.
//
// They are those of the model: log softmax of the logits as the forward pass gives them, before
// bias, penalties and temperature, summed in float64. So they say how likely a text is, not how it
// was drawn.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hadal::engine {

struct TokenLogprob {
  std::int32_t id = 0;
  double logprob = 0;
};

struct Logprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  // the likeliest first (ties: the lower id), the chosen one too
};

// `logits` are finite; at most so many alternatives as there are tokens.
Logprobs LogprobsOf(std::span<const float> logits, std::int32_t chosen, std::size_t alternatives);

}  // namespace hadal::engine
