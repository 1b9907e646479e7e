#include "server/messages.h"

#include <algorithm>
#include <utility>

#include "server/answer_parts.h"
#include "server/messages_request.h"

namespace hadal::server {
namespace {

using Kind = AnswerPiece::Kind;

// Reasoning that comes back is not checked: whoever may talk to this server may say what he
// thought.
constexpr const char* kSignature = "aGFkYWw=";

const char* MessageStopReason(const Answer& answer) {
  if (answer.finish == Finish::kToolCalls) return "tool_use";
  if (answer.finish == Finish::kLength) return "max_tokens";
  return answer.end.stop_text.empty() ? "end_turn" : "stop_sequence";
}

Json StopSequence(const Answer& answer) {
  return answer.end.stop_text.empty() ? Json() : Json(answer.end.stop_text);
}

Json MessageUsage(std::size_t prompt, std::size_t cached, std::size_t output) {
  return Json::MakeObject({{"input_tokens", std::uint64_t{prompt - cached}},
                           {"cache_creation_input_tokens", 0},
                           {"cache_read_input_tokens", std::uint64_t{cached}},
                           {"output_tokens", std::uint64_t{output}}});
}

Json UsageOfAnswer(const Answer& answer) {
  return MessageUsage(answer.end.prompt_tokens, answer.end.cached_tokens,
                      answer.end.generated_tokens);
}

Json Head(const std::string& id, const std::string& model) {
  return Json::MakeObject(
      {{"id", "msg_" + id}, {"type", "message"}, {"role", "assistant"}, {"model", model}});
}

Json BlockJson(const AnswerPart& part) {
  switch (part.kind) {
    case Kind::kReasoning:
      return Json::MakeObject(
          {{"type", "thinking"}, {"thinking", part.text}, {"signature", kSignature}});
    case Kind::kCallBegin:
      return Json::MakeObject({{"type", "tool_use"},
                               {"id", part.call.id},
                               {"name", part.call.name},
                               {"input", CallInput(part.call.arguments)}});
    default:
      return Json::MakeObject({{"type", "text"}, {"text", part.text}});
  }
}

class MessageWhole : public WholeSink {
 public:
  MessageWhole(std::string model, ExchangePtr exchange)
      : WholeSink(std::move(exchange)), model_(std::move(model)) {}

  void Delta(const AnswerDelta& delta) override { parts_.Add(delta); }

 private:
  Json Whole(const std::string& id, const std::vector<Answer>& answers) override {
    const Answer& answer = answers[0];
    Json::Array content;
    for (const AnswerPart& part : parts_.list()) content.push_back(BlockJson(part));
    Json whole = Head(id, model_);
    whole.Set("content", std::move(content));
    whole.Set("stop_reason", MessageStopReason(answer));
    whole.Set("stop_sequence", StopSequence(answer));
    whole.Set("usage", UsageOfAnswer(answer));
    return whole;
  }

  const std::string model_;
  AnswerParts parts_;
};

// Blocks one after the other: what comes of another kind closes the one that is open.
class MessageStream : public AnswerSink {
 public:
  MessageStream(std::string model, std::size_t prompt_tokens, ExchangePtr exchange)
      : model_(std::move(model)), prompt_tokens_(prompt_tokens), stream_(std::move(exchange)) {}

  void Accepted(const std::string& id) override {
    id_ = id;
    stream_.Begin();
  }

  // The first is told before anything is read: then it is known what was there.
  void Progress(std::size_t done, std::size_t, double) override { Start(done); }

  void Delta(const AnswerDelta& delta) override {
    Start(0);
    for (const AnswerPiece& piece : delta.pieces) Take(piece);
  }

  void Done(const Answer& answer) override {
    Start(answer.end.cached_tokens);
    Close();
    Say("message_delta", {{"delta", Json::MakeObject({{"stop_reason", MessageStopReason(answer)},
                                                      {"stop_sequence", StopSequence(answer)}})},
                          {"usage", UsageOfAnswer(answer)}});
  }

  void Finished(const std::vector<Answer>&) override {
    Say("message_stop", {});
    stream_.End();
  }

  void Failed(const ApiError& error) override {
    if (!stream_.begun()) return FailStream(&stream_, error);
    stream_.EventLine("error",
                      ErrorJson(error, ErrorShape::kAnthropic, stream_.exchange()->request().id));
    stream_.End();
  }

  // Clients take nothing for an event that comes before message_start.
  void Alive() override {
    if (!started_) return stream_.Comment("keep-alive");
    Say("ping", {});
  }

 private:
  // Once.
  void Start(std::size_t cached) {
    if (std::exchange(started_, true)) return;
    Json message = Head(id_, model_);
    message.Set("content", Json::Array());
    message.Set("stop_reason", nullptr);
    message.Set("stop_sequence", nullptr);
    message.Set("usage", MessageUsage(prompt_tokens_, std::min(cached, prompt_tokens_), 0));
    Say("message_start", {{"message", std::move(message)}});
  }

  void Take(const AnswerPiece& piece) {
    switch (piece.kind) {
      case Kind::kReasoning:
        Open(Kind::kReasoning,
             Json::MakeObject({{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}));
        return Add({{"type", "thinking_delta"}, {"thinking", piece.text}});
      case Kind::kContent:
        Open(Kind::kContent, Json::MakeObject({{"type", "text"}, {"text", ""}}));
        return Add({{"type", "text_delta"}, {"text", piece.text}});
      case Kind::kCallBegin:
        Close();
        return Open(Kind::kCallBegin, Json::MakeObject({{"type", "tool_use"},
                                                        {"id", piece.call_id},
                                                        {"name", piece.text},
                                                        {"input", Json::MakeObject({})}}));
      case Kind::kArguments:
        return Add({{"type", "input_json_delta"}, {"partial_json", piece.text}});
      case Kind::kCallEnd:
        return Close();
    }
  }

  void Open(Kind kind, Json block) {
    if (open_ == kind) return;
    Close();
    open_ = kind;
    Say("content_block_start",
        {{"index", std::uint64_t{index_}}, {"content_block", std::move(block)}});
  }

  void Add(std::initializer_list<Json::Member> delta) {
    Say("content_block_delta",
        {{"index", std::uint64_t{index_}}, {"delta", Json::MakeObject(delta)}});
  }

  void Close() {
    if (!open_) return;
    if (open_ == Kind::kReasoning) Add({{"type", "signature_delta"}, {"signature", kSignature}});
    Say("content_block_stop", {{"index", std::uint64_t{index_}}});
    ++index_;
    open_.reset();
  }

  void Say(const char* type, std::initializer_list<Json::Member> members) {
    Json event = Json::MakeObject({{"type", type}});
    for (const auto& [key, value] : members) event.Set(key, value);
    stream_.Event(type, event);
  }

  const std::string model_;
  const std::size_t prompt_tokens_;
  EventStream stream_;
  std::string id_;
  bool started_ = false;
  std::optional<Kind> open_;  // kCallBegin: a call
  std::size_t index_ = 0;
};

ApiResult<Prepared> PrepareMessage(Api& api, const Json& json, const ExchangePtr& exchange) {
  HADAL_TRY(ChatRequest request, ReadMessages(api, json, CallerOf(api, exchange->request())));
  const std::string model = request.model.empty() ? api.model.id() : request.model;
  const bool stream = request.stream;
  HADAL_TRY(Generation generation, MakeGeneration(api, std::move(request)));
  const std::size_t prompt_tokens = generation.runs[0].engine.tokens.size();
  Prepared prepared{.generation = std::move(generation), .sink = {}};
  if (stream)
    prepared.sink = std::make_unique<MessageStream>(model, prompt_tokens, exchange);
  else
    prepared.sink = std::make_unique<MessageWhole>(model, exchange);
  return prepared;
}

ApiResult<Json> CountMessageTokens(Api& api, const Json& json, const Caller& caller) {
  HADAL_TRY(ChatRequest request, ReadMessages(api, json, caller));
  HADAL_TRY(const std::vector<std::int32_t> tokens, ChatTokens(api, &request));
  return Json::MakeObject({{"input_tokens", std::uint64_t{tokens.size()}}});
}

}  // namespace

void AddMessages(Routes* routes, Api& api) {
  AddGenerating(routes, api, {"/v1/messages", "/anthropic/v1/messages"}, PrepareMessage);
  AddComputing(routes, api, {"/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens"},
               CountMessageTokens);
}

}  // namespace hadal::server
