// An answer in the form of the responses API, whole or as its events.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "server/answer.h"
#include "server/http.h"
#include "server/served_model.h"

namespace hadal::server {

struct ResponseOptions {
  std::string model = {};
  Json echoed = {};  // of the request
  bool logprobs = false;
  // Called with the answer's id before it is sent.
  std::function<void(const std::string& id, const Answer& answer)> keep = {};
};

std::unique_ptr<AnswerSink> MakeResponseWhole(const ServedModel& model, ResponseOptions options,
                                              ExchangePtr exchange);
std::unique_ptr<AnswerSink> MakeResponseStream(const ServedModel& model, ResponseOptions options,
                                               ExchangePtr exchange);

}  // namespace hadal::server
