#include "server/answer_bytes.h"

#include <algorithm>

namespace hadal::server {
namespace {

bool Held(TokensGo go) { return go == TokensGo::kIntoSink || go == TokensGo::kIntoAnswer; }

std::uint64_t BytesOfToken(const RunRequest& run) {
  return kKeptTokenBytes + (run.engine.logprobs ? 1 + *run.engine.logprobs : 0) * kKeptLogprobBytes;
}

}  // namespace

std::uint64_t AnswerBytes(const Generation& generation) {
  if (!Held(generation.tokens)) return 0;
  std::uint64_t bytes = 0;
  for (const RunRequest& run : generation.runs)
    bytes += run.engine.stop.max_tokens.value_or(engine::kDefaultMaxTokens) * BytesOfToken(run);
  return bytes;
}

void FitAnswers(std::uint64_t most_bytes, Generation* generation) {
  if (generation->length_given) return;
  const bool shorten = AnswerBytes(*generation) > most_bytes;
  for (RunRequest& run : generation->runs) {
    engine::StopOptions& stop = run.engine.stop;
    if (shorten) {
      const std::uint64_t fit = most_bytes / (generation->runs.size() * BytesOfToken(run));
      stop.max_tokens = std::max<std::size_t>(std::min<std::size_t>(*stop.max_tokens, fit), 1);
      stop.min_tokens = std::min(stop.min_tokens, *stop.max_tokens);
    }
    // A length that nobody asked for is not to end before the answer begins.
    if (run.reasons && !run.reasoning_budget && (shorten || generation->default_length))
      run.reasoning_budget = std::max<std::size_t>(*stop.max_tokens / 2, 1);
  }
}

}  // namespace hadal::server
