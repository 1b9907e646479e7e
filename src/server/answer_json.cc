#include "server/answer_json.h"

#include <utility>

#include "text/utf8.h"

namespace hadal::server {
namespace {

Json Count(std::size_t count) { return Json(std::uint64_t{count}); }

Json BytesJson(std::string_view bytes) {
  Json::Array array;
  for (const char byte : bytes)
    array.emplace_back(static_cast<int>(static_cast<unsigned char>(byte)));
  return Json(std::move(array));
}

Json LogprobJson(const text::Tokenizer& tokenizer, const engine::TokenLogprob& token) {
  return Json::MakeObject({{"token", TokenText(tokenizer, token.id)},
                           {"logprob", token.logprob},
                           {"bytes", BytesJson(tokenizer.TokenBytes(token.id))}});
}

}  // namespace

Json UsageJson(const Usage& usage) {
  return Json::MakeObject(
      {{"prompt_tokens", Count(usage.prompt_tokens)},
       {"completion_tokens", Count(usage.completion_tokens)},
       {"total_tokens", Count(usage.prompt_tokens + usage.completion_tokens)},
       {"prompt_tokens_details", Json::MakeObject({{"cached_tokens", Count(usage.cached_tokens)}})},
       {"completion_tokens_details",
        Json::MakeObject({{"reasoning_tokens", Count(usage.reasoning_tokens)}})},
       {"prompt_cache_hit_tokens", Count(usage.cached_tokens)},
       {"prompt_cache_miss_tokens", Count(usage.prompt_tokens - usage.cached_tokens)}});
}

Json TimingsJson(const RunEnd& end) {
  const std::size_t read = end.prompt_tokens - end.cached_tokens;
  const auto each = [](double seconds, std::size_t tokens) {
    return tokens == 0 ? 0.0 : 1e3 * seconds / static_cast<double>(tokens);
  };
  const auto rate = [](double seconds, std::size_t tokens) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  return Json::MakeObject(
      {{"cache_n", Count(end.cached_tokens)},
       {"prompt_n", Count(read)},
       {"prompt_ms", 1e3 * end.prefill_seconds},
       {"prompt_per_token_ms", each(end.prefill_seconds, read)},
       {"prompt_per_second", rate(end.prefill_seconds, read)},
       {"predicted_n", Count(end.generated_tokens)},
       {"predicted_ms", 1e3 * end.decode_seconds},
       {"predicted_per_token_ms", each(end.decode_seconds, end.generated_tokens)},
       {"predicted_per_second", rate(end.decode_seconds, end.generated_tokens)},
       {"queue_ms", 1e3 * end.queue_seconds}});
}

const char* FinishName(Finish finish) {
  switch (finish) {
    case Finish::kLength:
      return "length";
    case Finish::kToolCalls:
      return "tool_calls";
    case Finish::kStop:
      break;
  }
  return "stop";
}

std::string TokenText(const text::Tokenizer& tokenizer, std::int32_t id) {
  std::string text;
  text::AppendLossy(tokenizer.TokenBytes(id), &text);
  return text;
}

Json ChatLogprobs(const text::Tokenizer& tokenizer, const std::vector<AnswerToken>& tokens) {
  Json::Array content, reasoning;
  for (const AnswerToken& token : tokens) {
    if (!token.logprobs) continue;
    Json item = LogprobJson(tokenizer, token.logprobs->chosen);
    Json::Array top;
    for (const engine::TokenLogprob& other : token.logprobs->top)
      top.push_back(LogprobJson(tokenizer, other));
    item.Set("top_logprobs", std::move(top));
    (token.reasoning ? reasoning : content).push_back(std::move(item));
  }
  Json out = Json::MakeObject({{"content", std::move(content)}, {"refusal", nullptr}});
  if (!reasoning.empty()) out.Set("reasoning_content", std::move(reasoning));
  return out;
}

Json TokenIds(const std::vector<AnswerToken>& tokens) {
  Json::Array ids;
  for (const AnswerToken& token : tokens) ids.emplace_back(token.id);
  return Json(std::move(ids));
}

Json TokenIds(const std::vector<std::int32_t>& tokens) {
  Json::Array ids;
  for (const std::int32_t id : tokens) ids.emplace_back(id);
  return Json(std::move(ids));
}

}  // namespace hadal::server
