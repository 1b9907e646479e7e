#include "server/chat_sink.h"

#include <set>
#include <utility>

#include "base/clock.h"
#include "server/answer_json.h"
#include "server/api.h"

namespace hadal::server {
namespace {

using Kind = AnswerPiece::Kind;

Json Head(const char* object, const std::string& id, std::int64_t created,
          const ChatAnswerOptions& options, const ServedModel& model) {
  return Json::MakeObject({{"id", "chatcmpl-" + id},
                           {"object", object},
                           {"created", created},
                           {"model", options.model},
                           {"system_fingerprint", model.fingerprint()}});
}

void SetReasoning(const ChatAnswerOptions& options, const std::string& text, Json* message) {
  if (options.reasoning_content) message->Set("reasoning_content", text);
  if (options.reasoning) message->Set("reasoning", text);
}

// Behind a choice's finish: what stopped it, and how its reasoning ended.
void SetReasons(const RunEnd& end, Json* choice) {
  if (!end.stop_text.empty()) choice->Set("stop_reason", end.stop_text);
  switch (end.reasoning_end) {
    case ReasoningEnd::kNone:
      return;
    case ReasoningEnd::kModel:
      return choice->Set("reasoning_end", "model");
    case ReasoningEnd::kBudget:
      return choice->Set("reasoning_end", "budget");
    case ReasoningEnd::kAsked:
      return choice->Set("reasoning_end", "asked");
  }
}

Json CallJson(const AnswerCall& call) {
  return Json::MakeObject(
      {{"id", call.id},
       {"type", "function"},
       {"function", Json::MakeObject({{"name", call.name}, {"arguments", call.arguments}})}});
}

class ChatWhole : public WholeSink {
 public:
  ChatWhole(const ServedModel& model, ChatAnswerOptions options, ExchangePtr exchange)
      : WholeSink(std::move(exchange)), model_(model), options_(std::move(options)) {}

 private:
  Json Message(const Answer& answer) const {
    Json message = Json::MakeObject({{"role", "assistant"}});
    const bool only_calls = answer.content.empty() && !answer.calls.empty();
    message.Set("content", only_calls ? Json() : Json(answer.content));
    if (!answer.reasoning.empty()) SetReasoning(options_, answer.reasoning, &message);
    if (answer.calls.empty()) return message;
    Json::Array calls;
    for (const AnswerCall& call : answer.calls) calls.push_back(CallJson(call));
    message.Set("tool_calls", std::move(calls));
    return message;
  }

  Json Choice(const Answer& answer) const {
    const text::Tokenizer& tokenizer = model_.files().tokenizer;
    Json choice = Json::MakeObject(
        {{"index", std::uint64_t{answer.index}},
         {"message", Message(answer)},
         {"logprobs", options_.logprobs ? ChatLogprobs(tokenizer, answer.tokens) : Json()},
         {"finish_reason", FinishName(answer.finish)}});
    SetReasons(answer.end, &choice);
    if (options_.token_ids) choice.Set("token_ids", TokenIds(answer.tokens));
    return choice;
  }

  Json Whole(const std::string& id, const std::vector<Answer>& answers) override {
    Json whole = Head("chat.completion", id, created_, options_, model_);
    Json::Array choices;
    for (const Answer& answer : answers) choices.push_back(Choice(answer));
    whole.Set("choices", std::move(choices));
    whole.Set("usage", UsageJson(UsageOf(answers)));
    whole.Set("timings", TimingsJson(answers[0].end));
    if (options_.token_ids) whole.Set("prompt_token_ids", TokenIds(options_.prompt_tokens));
    return whole;
  }

  const ServedModel& model_;
  const ChatAnswerOptions options_;
  const std::int64_t created_ = UnixSeconds();
};

class ChatStream : public AnswerSink {
 public:
  ChatStream(const ServedModel& model, ChatAnswerOptions options, ExchangePtr exchange)
      : model_(model), options_(std::move(options)), stream_(std::move(exchange)) {}

  void Accepted(const std::string& id) override {
    id_ = id;
    stream_.Begin();
  }

  void Progress(std::size_t done, std::size_t total, double seconds) override {
    if (!cached_) cached_ = done;  // the first time nothing has been read
    if (!options_.progress) return;
    Open(0);  // the first chunk has the role, whatever it says
    Json chunk = Chunk(0, Json::MakeObject({}));
    chunk.Set("prompt_progress", Json::MakeObject({{"total", std::uint64_t{total}},
                                                   {"cache", std::uint64_t{*cached_}},
                                                   {"processed", std::uint64_t{done}},
                                                   {"time_ms", 1e3 * seconds}}));
    stream_.Data(chunk);
  }

  void Delta(const AnswerDelta& delta) override {
    Open(delta.index);
    // Tokens whose text is still held back have their figures told at once all the same.
    const bool tells_tokens = !delta.tokens.empty() && (options_.logprobs || options_.token_ids);
    if (delta.pieces.empty() && tells_tokens)
      Say(delta.index, Json::MakeObject({{"content", ""}}), &delta.tokens);
    const std::vector<AnswerToken>* tokens = tells_tokens ? &delta.tokens : nullptr;
    for (const AnswerPiece& piece : delta.pieces) {
      if (piece.kind == Kind::kCallEnd) continue;
      Say(delta.index, DeltaJson(piece), std::exchange(tokens, nullptr));
    }
  }

  void Done(const Answer& answer) override {
    Open(answer.index);
    Json chunk = Chunk(answer.index, Json::MakeObject({}), FinishName(answer.finish));
    SetReasons(answer.end, &chunk.AsObject()->at(kChoices).second.AsArray()->at(0));
    chunk.Set("timings", TimingsJson(answer.end));
    stream_.Data(chunk);
  }

  void Finished(const std::vector<Answer>& answers) override {
    FinishChunks(&stream_, Head("chat.completion.chunk", id_, created_, options_, model_),
                 options_.include_usage, answers);
  }

  void Failed(const ApiError& error) override { FailStream(&stream_, error); }

  void Alive() override { stream_.Comment("keep-alive"); }

 private:
  static constexpr std::size_t kChoices = 5;  // place of "choices" in a chunk

  Json Chunk(std::size_t index, Json delta, Json finish = {}) const {
    Json chunk = Head("chat.completion.chunk", id_, created_, options_, model_);
    chunk.Set("choices", Json::Array{Json::MakeObject({{"index", std::uint64_t{index}},
                                                       {"delta", std::move(delta)},
                                                       {"logprobs", nullptr},
                                                       {"finish_reason", std::move(finish)}})});
    if (options_.include_usage) chunk.Set("usage", nullptr);
    return chunk;
  }

  Json DeltaJson(const AnswerPiece& piece) const {
    Json delta = Json::MakeObject({});
    switch (piece.kind) {
      case Kind::kReasoning:
        SetReasoning(options_, piece.text, &delta);
        break;
      case Kind::kContent:
        delta.Set("content", piece.text);
        break;
      case Kind::kCallBegin:
        delta.Set("tool_calls",
                  CallDelta(piece, {{"id", piece.call_id}, {"type", "function"}},
                            Json::MakeObject({{"name", piece.text}, {"arguments", ""}})));
        break;
      case Kind::kArguments:
        delta.Set("tool_calls",
                  CallDelta(piece, {}, Json::MakeObject({{"arguments", piece.text}})));
        break;
      case Kind::kCallEnd:
        break;
    }
    return delta;
  }

  static Json CallDelta(const AnswerPiece& piece, std::initializer_list<Json::Member> begin,
                        Json function) {
    Json call = Json::MakeObject({{"index", std::uint64_t{piece.call}}});
    for (const auto& [key, value] : begin) call.Set(key, value);
    call.Set("function", std::move(function));
    return Json(Json::Array{std::move(call)});
  }

  // The role, once a choice.
  void Open(std::size_t index) {
    if (!opened_.insert(index).second) return;
    Json chunk = Chunk(index, Json::MakeObject({{"role", "assistant"}, {"content", ""}}));
    if (options_.token_ids && opened_.size() == 1)
      chunk.Set("prompt_token_ids", TokenIds(options_.prompt_tokens));
    stream_.Data(chunk);
  }

  void Say(std::size_t index, Json delta, const std::vector<AnswerToken>* tokens) {
    Json chunk = Chunk(index, std::move(delta));
    if (tokens != nullptr) {
      Json& choice = chunk.AsObject()->at(kChoices).second.AsArray()->at(0);
      if (options_.logprobs)
        choice.Set("logprobs", ChatLogprobs(model_.files().tokenizer, *tokens));
      if (options_.token_ids) choice.Set("token_ids", TokenIds(*tokens));
    }
    stream_.Data(chunk);
  }

  const ServedModel& model_;
  const ChatAnswerOptions options_;
  const std::int64_t created_ = UnixSeconds();
  EventStream stream_;
  std::optional<std::size_t> cached_;  // tokens of the prompt that were there
  std::string id_;
  std::set<std::size_t> opened_;
};

}  // namespace

std::unique_ptr<AnswerSink> MakeChatWhole(const ServedModel& model, ChatAnswerOptions options,
                                          ExchangePtr exchange) {
  return std::make_unique<ChatWhole>(model, std::move(options), std::move(exchange));
}

std::unique_ptr<AnswerSink> MakeChatStream(const ServedModel& model, ChatAnswerOptions options,
                                           ExchangePtr exchange) {
  return std::make_unique<ChatStream>(model, std::move(options), std::move(exchange));
}

}  // namespace hadal::server
