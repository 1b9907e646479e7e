#include "server/response_sink.h"

#include <utility>

#include "base/clock.h"
#include "server/answer_json.h"
#include "server/answer_parts.h"
#include "server/api.h"
#include "server/ids.h"

namespace hadal::server {
namespace {

using Kind = AnswerPiece::Kind;

Json ReasoningItem(const std::string& id, const std::string& text, const char* status) {
  Json::Array content;
  if (!text.empty())
    content.push_back(Json::MakeObject({{"type", "reasoning_text"}, {"text", text}}));
  return Json::MakeObject({{"id", id},
                           {"type", "reasoning"},
                           {"summary", Json::Array()},
                           {"content", std::move(content)},
                           {"status", status}});
}

Json TextPart(const std::string& text, Json logprobs) {
  return Json::MakeObject({{"type", "output_text"},
                           {"text", text},
                           {"annotations", Json::Array()},
                           {"logprobs", std::move(logprobs)}});
}

Json MessageItem(const std::string& id, Json::Array content, const char* status) {
  return Json::MakeObject({{"id", id},
                           {"type", "message"},
                           {"role", "assistant"},
                           {"status", status},
                           {"content", std::move(content)}});
}

Json CallItem(const std::string& id, const AnswerCall& call, const char* status) {
  return Json::MakeObject({{"id", id},
                           {"type", "function_call"},
                           {"call_id", call.id},
                           {"name", call.name},
                           {"arguments", call.arguments},
                           {"status", status}});
}

Json ResponseUsage(const Answer& answer) {
  const RunEnd& end = answer.end;
  return Json::MakeObject(
      {{"input_tokens", std::uint64_t{end.prompt_tokens}},
       {"input_tokens_details",
        Json::MakeObject({{"cached_tokens", std::uint64_t{end.cached_tokens}}})},
       {"output_tokens", std::uint64_t{end.generated_tokens}},
       {"output_tokens_details",
        Json::MakeObject({{"reasoning_tokens", std::uint64_t{end.reasoning_tokens}}})},
       {"total_tokens", std::uint64_t{end.prompt_tokens + end.generated_tokens}}});
}

Json LogprobsOf(const ServedModel& model, const ResponseOptions& options,
                const std::vector<AnswerToken>& tokens) {
  if (!options.logprobs) return Json(Json::Array());
  return *ChatLogprobs(model.files().tokenizer, tokens).Find("content");
}

// The response object, with what is known of it so far.
Json ResponseJson(const ServedModel& model, const ResponseOptions& options, const std::string& id,
                  std::int64_t created, const char* status) {
  Json json = Json::MakeObject({{"id", "resp_" + id},
                                {"object", "response"},
                                {"created_at", created},
                                {"status", status},
                                {"background", false},
                                {"error", nullptr},
                                {"incomplete_details", nullptr},
                                {"model", options.model},
                                {"system_fingerprint", model.fingerprint()},
                                {"output", Json::Array()}});
  for (const auto& [key, value] : *options.echoed.AsObject()) json.Set(key, value);
  json.Set("usage", nullptr);
  return json;
}

const char* StatusOf(const Answer& answer) {
  return answer.finish == Finish::kLength ? "incomplete" : "completed";
}

void Complete(const Answer& answer, Json::Array output, Json* response) {
  if (answer.finish == Finish::kLength)
    response->Set("incomplete_details", Json::MakeObject({{"reason", "max_output_tokens"}}));
  response->Set("output", std::move(output));
  response->Set("usage", ResponseUsage(answer));
}

const char* PrefixOf(Kind kind) {
  if (kind == Kind::kReasoning) return "rs_";
  return kind == Kind::kCallBegin ? "fc_" : "msg_";
}

Json PartItem(const ServedModel& model, const ResponseOptions& options, const std::string& id,
              const AnswerPart& part, const char* status) {
  switch (part.kind) {
    case Kind::kReasoning:
      return ReasoningItem(id, part.text, status);
    case Kind::kCallBegin:
      return CallItem(id, part.call, status);
    default:
      return MessageItem(id, {TextPart(part.text, LogprobsOf(model, options, part.tokens))},
                         status);
  }
}

class ResponseWhole : public WholeSink {
 public:
  ResponseWhole(const ServedModel& model, ResponseOptions options, ExchangePtr exchange)
      : WholeSink(std::move(exchange)), model_(model), options_(std::move(options)) {}

  void Delta(const AnswerDelta& delta) override { parts_.Add(delta); }

 private:
  Json Whole(const std::string& id, const std::vector<Answer>& answers) override {
    const Answer& answer = answers[0];
    if (options_.keep) options_.keep("resp_" + id, answer);
    const char* status = StatusOf(answer);
    Json::Array output;
    for (const AnswerPart& part : parts_.list())
      output.push_back(PartItem(model_, options_, NewId(PrefixOf(part.kind)), part,
                                part.ended ? "completed" : status));
    Json response = ResponseJson(model_, options_, id, created_, status);
    Complete(answer, std::move(output), &response);
    return response;
  }

  const ServedModel& model_;
  const ResponseOptions options_;
  const std::int64_t created_ = UnixSeconds();
  AnswerParts parts_;
};

// Items one after the other, as the pieces come: of another kind begins another item. Their JSON,
// many times the bytes of what it is made of, is made when it is said, and not kept.
class ResponseStream : public AnswerSink {
 public:
  ResponseStream(const ServedModel& model, ResponseOptions options, ExchangePtr exchange)
      : model_(model), options_(std::move(options)), stream_(std::move(exchange)) {}

  void Accepted(const std::string& id) override {
    id_ = id;
    const Json response = ResponseJson(model_, options_, id_, created_, "in_progress");
    Say("response.created", {{"response", response}});
    Say("response.in_progress", {{"response", response}});
  }

  void Progress(std::size_t, std::size_t, double) override {}

  void Delta(const AnswerDelta& delta) override {
    parts_.Wait(delta.tokens);
    for (const AnswerPiece& piece : delta.pieces) Take(piece);
  }

  void Done(const Answer& answer) override {
    if (options_.keep) options_.keep("resp_" + id_, answer);
    Close(StatusOf(answer));
  }

  void Finished(const std::vector<Answer>& answers) override {
    const char* status = StatusOf(answers[0]);
    Json::Array output;
    for (std::size_t i = 0; i < items_.size(); ++i) output.push_back(ItemJson(i));
    Json response = ResponseJson(model_, options_, id_, created_, status);
    Complete(answers[0], std::move(output), &response);
    Say((std::string("response.") + status).c_str(), {{"response", std::move(response)}});
    stream_.End();
  }

  void Failed(const ApiError& error) override {
    if (!stream_.begun()) return FailStream(&stream_, error);
    Json response = ResponseJson(model_, options_, id_, created_, "failed");
    response.Set("error", Json::MakeObject({{"code", "server_error"}, {"message", error.message}}));
    Say("response.failed", {{"response", std::move(response)}});
    stream_.End();
  }

  void Alive() override { stream_.Comment("keep-alive"); }

 private:
  // Of the part with its number.
  struct Item {
    std::string id;
    const char* status = nullptr;  // once it is complete
    std::size_t told_tokens = 0;
  };

  void Take(const AnswerPiece& piece) {
    parts_.Add(piece);
    if (parts_.list().size() > items_.size()) {
      Close("completed");  // the one before it
      Open();
    }
    switch (piece.kind) {
      case Kind::kReasoning:
        return SayOfItem("response.reasoning_text.delta",
                         {{"content_index", 0}, {"delta", piece.text}});
      case Kind::kContent:
        return SayText(piece.text);
      case Kind::kCallBegin:
        return;
      case Kind::kArguments:
        return SayOfItem("response.function_call_arguments.delta", {{"delta", piece.text}});
      case Kind::kCallEnd:
        return Close("completed");
    }
  }

  void Open() {
    const AnswerPart& part = parts_.list().back();
    items_.push_back({.id = NewId(PrefixOf(part.kind))});
    Say("response.output_item.added",
        {{"output_index", Index()}, {"item", EmptyItem(items_.back().id, part)}});
    if (part.kind == Kind::kContent)
      SayOfItem("response.content_part.added",
                {{"content_index", 0}, {"part", TextPart("", Json::Array())}});
  }

  static Json EmptyItem(const std::string& id, const AnswerPart& part) {
    switch (part.kind) {
      case Kind::kReasoning:
        return ReasoningItem(id, "", "in_progress");
      case Kind::kCallBegin:
        return CallItem(id, {part.call.id, part.call.name, ""}, "in_progress");
      default:
        return MessageItem(id, {}, "in_progress");
    }
  }

  // With the tokens that have come since it said something last.
  void SayText(const std::string& text) {
    const std::vector<AnswerToken>& tokens = parts_.list().back().tokens;
    std::size_t& told = items_.back().told_tokens;
    const std::vector<AnswerToken> fresh(tokens.begin() + static_cast<std::ptrdiff_t>(told),
                                         tokens.end());
    told = tokens.size();
    SayOfItem(
        "response.output_text.delta",
        {{"content_index", 0}, {"delta", text}, {"logprobs", LogprobsOf(model_, options_, fresh)}});
  }

  // The last item, if it is not complete.
  void Close(const char* status) {
    if (items_.empty() || items_.back().status != nullptr) return;
    items_.back().status = status;
    const AnswerPart& part = parts_.list()[items_.size() - 1];
    if (part.kind == Kind::kReasoning) {
      SayOfItem("response.reasoning_text.done", {{"content_index", 0}, {"text", part.text}});
    } else if (part.kind == Kind::kContent) {
      const Json logprobs = LogprobsOf(model_, options_, part.tokens);
      SayOfItem("response.output_text.done",
                {{"content_index", 0}, {"text", part.text}, {"logprobs", logprobs}});
      SayOfItem("response.content_part.done",
                {{"content_index", 0}, {"part", TextPart(part.text, logprobs)}});
    } else {
      SayOfItem("response.function_call_arguments.done",
                {{"name", part.call.name}, {"arguments", part.call.arguments}});
    }
    Say("response.output_item.done",
        {{"output_index", Index()}, {"item", ItemJson(items_.size() - 1)}});
  }

  std::uint64_t Index() const { return items_.size() - 1; }  // of the last item
  Json ItemJson(std::size_t i) const {
    return PartItem(model_, options_, items_[i].id, parts_.list()[i], items_[i].status);
  }

  void SayOfItem(const char* type, std::initializer_list<Json::Member> members) {
    Json event = Json::MakeObject({{"type", type},
                                   {"sequence_number", sequence_++},
                                   {"item_id", items_.back().id},
                                   {"output_index", Index()}});
    for (const auto& [key, value] : members) event.Set(key, value);
    stream_.Event(type, event);
  }

  void Say(const char* type, std::initializer_list<Json::Member> members) {
    Json event = Json::MakeObject({{"type", type}, {"sequence_number", sequence_++}});
    for (const auto& [key, value] : members) event.Set(key, value);
    stream_.Event(type, event);
  }

  const ServedModel& model_;
  const ResponseOptions options_;
  const std::int64_t created_ = UnixSeconds();
  EventStream stream_;
  std::string id_;
  std::int64_t sequence_ = 0;
  AnswerParts parts_;
  std::vector<Item> items_;
};

}  // namespace

std::unique_ptr<AnswerSink> MakeResponseWhole(const ServedModel& model, ResponseOptions options,
                                              ExchangePtr exchange) {
  return std::make_unique<ResponseWhole>(model, std::move(options), std::move(exchange));
}

std::unique_ptr<AnswerSink> MakeResponseStream(const ServedModel& model, ResponseOptions options,
                                               ExchangePtr exchange) {
  return std::make_unique<ResponseStream>(model, std::move(options), std::move(exchange));
}

}  // namespace hadal::server
