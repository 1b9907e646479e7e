#include "server/answer.h"

#include <algorithm>

namespace hadal::server {

Usage UsageOf(const std::vector<Answer>& answers) {
  Usage usage;
  for (const Answer& answer : answers) {
    usage.prompt_tokens = std::max(usage.prompt_tokens, answer.end.prompt_tokens);
    usage.cached_tokens = std::max(usage.cached_tokens, answer.end.cached_tokens);
    usage.completion_tokens += answer.end.generated_tokens;
    usage.reasoning_tokens += answer.end.reasoning_tokens;
  }
  return usage;
}

}  // namespace hadal::server
