#include "server/answer_bytes.h"

namespace hadal::server {

std::uint64_t AnswerBytes(const Generation& generation) {
  if (!generation.keep_tokens || generation.streams) return 0;
  std::uint64_t bytes = 0;
  for (const RunRequest& run : generation.runs) {
    const std::uint64_t tokens = run.engine.stop.max_tokens.value_or(engine::kDefaultMaxTokens);
    const std::uint64_t logprobs = run.engine.logprobs ? 1 + *run.engine.logprobs : 0;
    bytes += tokens * (kKeptTokenBytes + logprobs * kKeptLogprobBytes);
  }
  return bytes;
}

}  // namespace hadal::server
