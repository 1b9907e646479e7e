// What the handlers of all APIs share: whom they serve, and how a request becomes an answer.
//
// An API is a function that reads a body and makes two things of it: a Generation, and a sink that
// writes the answer in the API's form. It runs on a worker.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/answer.h"
#include "server/api_error.h"
#include "server/api_key.h"
#include "server/constraints.h"
#include "server/fields.h"
#include "server/generation.h"
#include "server/generations.h"
#include "server/http.h"
#include "server/response_store.h"
#include "server/routes.h"
#include "server/served_model.h"
#include "server/sse.h"
#include "server/tool_memory.h"

namespace hadal::server {

struct ApiOptions {
  bool thinking = true;                              // where a request does not say
  std::optional<std::size_t> reasoning_budget = {};  // likewise
  std::optional<std::size_t> max_tokens = {};        // likewise; absent: what there is room for
  std::optional<std::size_t> most_tokens = {};       // of any answer, whatever is asked
  std::size_t body_values = kAllValues;              // of JSON in a body, at most
  std::string budget_message = {};                   // put in front of </think> when it is forced
  bool strict = false;                               // unknown fields are refused
  bool reasoning_content = true, reasoning = false;  // the names under which reasoning is sent
  bool deepseek_compat = false;  // thinking passes over temperature, top_p and penalties
};

struct Api {
  const ServedModel& model;
  Generations* generations = nullptr;  // where requests go; null: nowhere, nothing is answered
  const ApiKeys& keys;
  Languages& languages;
  ToolMemory& tool_memory;
  ResponseStore& responses;
  ApiOptions options;
};

// Whose request it is.
struct Caller {
  std::uint64_t scope = 0;      // of its key: what is remembered for it
  std::string request_id = {};  // for the log
};
Caller CallerOf(const Api& api, const HttpRequest& request);

struct Prepared {
  Generation generation;
  std::unique_ptr<AnswerSink> sink;
};

using Prepare = ApiResult<Prepared> (*)(Api& api, const Json& body, const ExchangePtr& exchange);

// POST of each path: the body through `prepare`, then to the generations.
void AddGenerating(Routes* routes, Api& api, const std::vector<std::string>& paths,
                   Prepare prepare);
// POST of each path: the body to a JSON answer at once.
using Compute = ApiResult<Json> (*)(Api& api, const Json& body, const Caller& caller);
void AddComputing(Routes* routes, Api& api, const std::vector<std::string>& paths, Compute compute);

// Fields that nobody knows: one warning, or 400 where the server is strict.
ApiStatus CheckUnknown(const Api& api, const Fields& fields, const Caller& caller);

// "stream_options" of the APIs whose streams are chunks.
void ReadStreamOptions(Fields* body, bool* include_usage);

// A stream that fails: an answer of its own if nothing has been sent, else an event, and the end.
void FailStream(EventStream* stream, const ApiError& error);

// The end of a stream of chunks: the usage in one of its own, if it is asked for, then [DONE].
void FinishChunks(EventStream* stream, Json head, bool include_usage,
                  const std::vector<Answer>& answers);

// The sink of an answer that is sent whole.
class WholeSink : public AnswerSink {
 public:
  explicit WholeSink(ExchangePtr exchange) : exchange_(std::move(exchange)) {}
  void Accepted(const std::string& id) override { id_ = id; }
  void Progress(std::size_t, std::size_t, double) override {}
  void Delta(const AnswerDelta&) override {}
  void Done(const Answer&) override {}
  void Alive() override {}
  void Finished(const std::vector<Answer>& answers) override;
  void Failed(const ApiError& error) override;

 protected:
  virtual Json Whole(const std::string& id, const std::vector<Answer>& answers) = 0;

 private:
  ExchangePtr exchange_;
  std::string id_;
};

}  // namespace hadal::server
