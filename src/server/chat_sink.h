// A chat's answer in the form of chat/completions, whole or as a stream of chunks.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "server/answer.h"
#include "server/http.h"
#include "server/served_model.h"

namespace hadal::server {

struct ChatAnswerOptions {
  std::string model = {};
  bool logprobs = false, token_ids = false;
  bool include_usage = false, progress = false;  // of streams
  bool reasoning_content = true, reasoning = false;
  std::vector<std::int32_t> prompt_tokens = {};  // with token_ids
};

std::unique_ptr<AnswerSink> MakeChatWhole(const ServedModel& model, ChatAnswerOptions options,
                                          ExchangePtr exchange);
std::unique_ptr<AnswerSink> MakeChatStream(const ServedModel& model, ChatAnswerOptions options,
                                           ExchangePtr exchange);

}  // namespace hadal::server
