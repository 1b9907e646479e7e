#include "engine/request.h"

#include <algorithm>
#include <span>

namespace hadal::engine {
namespace {

Status CheckIds(const char* what, std::span<const std::int32_t> ids, const arch::Config& config) {
  for (const std::int32_t id : ids)
    if (id < 0 || static_cast<std::size_t>(id) >= config.vocab_size)
      return Fail(Code::kInvalid, "{}: found {}, but the model's vocabulary has {}", what, id,
                  config.vocab_size);
  return Unit{};
}

Status CheckConstraint(const ConstraintOptions& constraint, const arch::Config& config) {
  if (constraint.after)
    HADAL_TRY_STATUS(CheckIds("constraint's first token", {&*constraint.after, 1}, config));
  if (constraint.after_within && !constraint.after)
    return Fail(Code::kInvalid, "constraint within {} tokens: of which token is not said",
                *constraint.after_within);
  return Unit{};
}

}  // namespace

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kMaxTokens:
      return "max_tokens";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kFailed:
      return "failed";
  }
  return "?";
}

std::size_t TokenLimit(const Request& request, const arch::Config& config) {
  if (request.stop.max_tokens) return *request.stop.max_tokens;
  const std::size_t prompt = request.tokens.size() - request.generated;
  const std::size_t context = config.max_position_embeddings;
  return std::min(kDefaultMaxTokens, prompt < context ? context - prompt : 0);
}

Status CheckRequest(const Request& r, const arch::Config& config) {
  HADAL_TRY_STATUS(CheckSampleOptions(r.sample));
  if (r.tokens.empty()) return Fail(Code::kInvalid, "the prompt is empty");
  HADAL_TRY_STATUS(CheckIds("prompt token", r.tokens, config));
  HADAL_TRY_STATUS(CheckIds("stop id", r.stop.token_ids, config));
  HADAL_TRY_STATUS(CheckConstraint(r.constraint, config));
  for (const LogitBias& bias : r.sample.logit_bias)
    HADAL_TRY_STATUS(CheckIds("logit bias", {&bias.token, 1}, config));
  if (r.logprobs && *r.logprobs > kMostAlternatives)
    return Fail(Code::kInvalid, "logprobs: found {} alternatives, expected at most {}", *r.logprobs,
                kMostAlternatives);
  if (const auto at = std::ranges::is_sorted_until(r.turn_ends); at != r.turn_ends.end())
    return Fail(Code::kInvalid, "turn ends: found {} behind {}, expected them ascending", *at,
                *std::prev(at));
  if (r.generated >= r.tokens.size())
    return Fail(Code::kInvalid, "generated: found {} of {} tokens, expected fewer", r.generated,
                r.tokens.size());
  if (r.state && r.state->tokens() >= r.tokens.size())
    return Fail(Code::kInvalid,
                "state: found {} tokens processed, expected fewer than the {} given",
                r.state->tokens(), r.tokens.size());
  const std::size_t limit = TokenLimit(r, config), most = std::max(r.generated, limit);
  if (r.stop.min_tokens > limit)
    return Fail(Code::kInvalid, "min tokens {} are more than max tokens {}", r.stop.min_tokens,
                limit);
  const std::size_t prompt = r.tokens.size() - r.generated;
  const std::size_t context = config.max_position_embeddings;
  if (prompt > context || most > context - prompt)
    return Fail(Code::kInvalid,
                "{} prompt tokens and {} to generate are more than the model's context of {}",
                prompt, most, context);
  return Unit{};
}

}  // namespace hadal::engine
