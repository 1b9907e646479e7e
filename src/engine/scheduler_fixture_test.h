// A scheduler of the embedded model, and requests that keep what they hear: tests only.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cost/engine_memory.h"
#include "engine/model_files.h"
#include "engine/scheduler.h"
#include "testing/source_file.h"

namespace hadal::engine {

using Ids = std::vector<std::int32_t>;

inline const ModelFiles& Files() {
  static const ModelFiles files = OpenModel(testing::EmbeddedFolder()).value();
  return files;
}

// What a request's callbacks said.
struct Heard {
  Ids ids;                       // also of the token that ended it
  std::vector<double> logprobs;  // of those, if asked for
  std::string text;
  std::optional<Outcome> end;
};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() : threads_(1) { options_.tokenizer = &Files().tokenizer; }

  void Make() { scheduler_ = Scheduler::Create(Files().model, threads_, options_).value(); }

  static Request Greedy(std::string_view prompt, std::size_t max_tokens) {
    Request request{.tokens = Files().tokenizer.Encode(prompt)};
    request.tokens.insert(request.tokens.begin(), 0);
    request.sample.temperature = 0;
    request.stop.max_tokens = max_tokens;
    return request;
  }
  static Request Reading(std::size_t tokens, std::size_t max_tokens) {
    Request request = Greedy("", max_tokens);
    while (request.tokens.size() < tokens)
      request.tokens.push_back(static_cast<std::int32_t>(300 + request.tokens.size() % 700));
    return request;
  }

  static Request Listen(Request request, Heard* heard) {
    request.on_token = [heard](const TokenEvent& event) {
      heard->ids.push_back(event.id);
      if (event.logprobs != nullptr) heard->logprobs.push_back(event.logprobs->chosen.logprob);
      heard->text += event.text;
    };
    request.on_end = [heard](Outcome outcome) {
      heard->text += outcome.text;
      heard->end = std::move(outcome);
    };
    return request;
  }
  // The request again, from where it ended.
  static Request GoingOn(Request request, Outcome* end) {
    request.tokens = end->tokens;
    request.generated = end->tokens.size() - end->prompt_tokens;
    request.state = std::move(end->state);
    return request;
  }
  RequestId Add(Request request, Heard* heard) {
    return scheduler_->Add(Listen(std::move(request), heard)).value();
  }
  // Alone, from beginning to end.
  Heard Run(Request request) {
    Make();
    Heard heard;
    Add(std::move(request), &heard);
    for (int step = 0; !heard.end && step < 10'000; ++step) scheduler_->Step();
    EXPECT_TRUE(heard.end.has_value());
    return heard;
  }
  std::uint64_t StateBytes(std::size_t tokens) const {
    const arch::KvLayout layout(Files().model.config, arch::Numerics::Stored());
    return cost::AllocatedState(Files().model.config, layout, tokens).total();
  }

  Threads threads_;
  SchedulerOptions options_;
  std::unique_ptr<Scheduler> scheduler_;
};

inline constexpr const char* kPrompt = "Once upon a time";

}  // namespace hadal::engine
