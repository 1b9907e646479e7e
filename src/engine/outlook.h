// A text as it would go on if guesses came true: which tokens may come, and which would be drawn
// from given logits. Belongs to one drafting and leaves the text alone.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/next_tokens.h"
#include "engine/sampler.h"

namespace hadal::engine {

class Outlook {
 public:
  // `position`: of the next token. The sampler outlives this.
  Outlook(NextTokens next, const Sampler& sampler, std::uint64_t position)
      : next_(std::move(next)), sampler_(sampler), position_(position) {}

  struct Choice {
    std::int32_t token;
    double probability;  // that the logits alone give it
  };
  // What the text would draw from these logits: with its own options and random number, but
  // penalties as they stand behind the last true token. None: nothing may come, or they are not
  // finite.
  std::optional<Choice> Draw(std::span<const float> logits, SampleScratch* scratch);
  // Takes the guess; false, and nothing is taken, if it may not come, or would end the text: a row
  // behind an end is never asked for.
  bool Take(std::int32_t token, SampleScratch* scratch);

 private:
  NextTokens next_;
  const Sampler& sampler_;
  std::uint64_t position_;
};

}  // namespace hadal::engine
