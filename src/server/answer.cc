#include "server/answer.h"

#include <algorithm>
#include <map>

namespace hadal::server {

Usage UsageOf(const std::vector<Answer>& answers) {
  Usage usage;
  struct Prompt {
    std::size_t tokens = 0, cached = 0;
  };
  std::map<std::size_t, Prompt> prompts;
  for (const Answer& answer : answers) {
    Prompt& prompt = prompts[answer.prompt];
    prompt.tokens = std::max(prompt.tokens, answer.end.prompt_tokens);
    prompt.cached = std::max(prompt.cached, answer.end.cached_tokens);
    usage.completion_tokens += answer.end.generated_tokens;
    usage.reasoning_tokens += answer.end.reasoning_tokens;
  }
  for (const auto& [number, prompt] : prompts) {
    usage.prompt_tokens += prompt.tokens;
    usage.cached_tokens += prompt.cached;
  }
  return usage;
}

}  // namespace hadal::server
