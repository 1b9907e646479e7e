// Parts that the answers of OpenAI's older APIs share.
#pragma once
#include <vector>

#include "base/json.h"
#include "server/answer.h"
#include "text/tokenizer.h"

namespace hadal::server {

Json UsageJson(const Usage& usage);
Json TimingsJson(const RunEnd& end);  // of one choice, in llama.cpp's names
const char* FinishName(Finish finish);

// The token's text as far as it is text, for people; its bytes are beside it.
std::string TokenText(const text::Tokenizer& tokenizer, std::int32_t id);
// {"content": [..], "refusal": null}, and reasoning's apart as "reasoning_content".
Json ChatLogprobs(const text::Tokenizer& tokenizer, const std::vector<AnswerToken>& tokens);
Json TokenIds(const std::vector<AnswerToken>& tokens);
Json TokenIds(const std::vector<std::int32_t>& tokens);

}  // namespace hadal::server
