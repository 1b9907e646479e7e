#include "server/answer_bytes.h"

#include <algorithm>

namespace hadal::server {
namespace {

std::uint64_t BytesOfToken(const RunRequest& run) {
  return kKeptTokenBytes + (run.engine.logprobs ? 1 + *run.engine.logprobs : 0) * kKeptLogprobBytes;
}

}  // namespace

std::uint64_t AnswerBytes(const Generation& generation) {
  if (!generation.keep_tokens || generation.streams) return 0;
  std::uint64_t bytes = 0;
  for (const RunRequest& run : generation.runs)
    bytes += run.engine.stop.max_tokens.value_or(engine::kDefaultMaxTokens) * BytesOfToken(run);
  return bytes;
}

void FitAnswers(std::uint64_t most_bytes, Generation* generation) {
  if (generation->length_given || AnswerBytes(*generation) <= most_bytes) return;
  for (RunRequest& run : generation->runs) {
    const std::uint64_t fit = most_bytes / (generation->runs.size() * BytesOfToken(run));
    engine::StopOptions& stop = run.engine.stop;
    stop.max_tokens = std::max<std::size_t>(std::min<std::size_t>(*stop.max_tokens, fit), 1);
    stop.min_tokens = std::min(stop.min_tokens, *stop.max_tokens);
  }
}

}  // namespace hadal::server
