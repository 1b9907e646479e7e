#include "engine/outlook.h"

#include <cmath>

#include "engine/logprobs.h"

namespace hadal::engine {

std::optional<Outlook::Choice> Outlook::Draw(std::span<const float> logits,
                                             SampleScratch* scratch) {
  const std::optional<Restriction> restriction = next_.MayComeNext(&scratch->allowed);
  if (!restriction) return std::nullopt;
  const Result<std::int32_t> token = sampler_.Pick(logits, position_, *restriction, scratch);
  if (!token.ok()) return std::nullopt;
  return Choice{*token, std::exp(LogprobsOf(logits, *token, 0).chosen.logprob)};
}

bool Outlook::Take(std::int32_t token, SampleScratch* scratch) {
  if (next_.Ends(token)) return false;
  const std::optional<Restriction> restriction = next_.MayComeNext(&scratch->allowed);
  if (!restriction || !Allows(*restriction, token) || !next_.Accept(token).ok()) return false;
  ++position_;
  return true;
}

}  // namespace hadal::engine
