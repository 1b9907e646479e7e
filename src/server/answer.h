// What a generation gives, in the one form from which every API's answer is made.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/logprobs.h"
#include "server/api_error.h"
#include "server/run.h"

namespace hadal::server {

enum class Finish { kStop, kLength, kToolCalls };

struct AnswerCall {
  std::string id, name, arguments;
};

struct AnswerToken {
  std::int32_t id = 0;
  bool reasoning = false;
  std::optional<engine::Logprobs> logprobs = {};
};

// One choice, complete.
struct Answer {
  std::size_t index = 0, prompt = 0;  // which of the request's prompts it goes on from
  std::string reasoning = {}, content = {};
  std::vector<AnswerCall> calls = {};
  std::vector<AnswerToken> tokens = {};  // without the one that ended it
  Finish finish = Finish::kStop;
  RunEnd end = {};
};

// What has come of a choice, in its order.
struct AnswerPiece {
  enum class Kind { kReasoning, kContent, kCallBegin, kArguments, kCallEnd };
  Kind kind = Kind::kContent;
  std::string text = {};     // of kCallBegin the function's name
  std::size_t call = 0;      // of calls: which
  std::string call_id = {};  // of kCallBegin
};

struct AnswerDelta {
  std::size_t index = 0;  // of the choice
  std::vector<AnswerPiece> pieces = {};
  std::vector<AnswerToken> tokens = {};  // that came with them
};

struct Usage {
  std::size_t prompt_tokens = 0, completion_tokens = 0, cached_tokens = 0, reasoning_tokens = 0;
};
// Of all choices: each prompt is counted once, however many texts were made of it.
Usage UsageOf(const std::vector<Answer>& answers);

// What an API makes of it. On the loop's thread, in this order: Accepted; Progress, Delta and Done
// of the choices; Finished or Failed, once. Alive: nothing has been said for a while.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void Accepted(const std::string& id) = 0;  // the generation's, without a prefix
  virtual void Progress(std::size_t done, std::size_t total, double seconds) = 0;
  virtual void Delta(const AnswerDelta& delta) = 0;
  virtual void Done(const Answer& answer) = 0;
  virtual void Finished(const std::vector<Answer>& answers) = 0;
  virtual void Failed(const ApiError& error) = 0;
  virtual void Alive() = 0;
};

}  // namespace hadal::server
