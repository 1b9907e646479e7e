#include "server/completions.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "server/answer_json.h"
#include "server/sampling.h"
#include "server/sse.h"
#include "text/utf8.h"

namespace hadal::server {
namespace {

constexpr std::size_t kDefaultTokens = 16;  // of this API
constexpr std::size_t kMostPrompts = 16;

using Tokens = std::vector<std::int32_t>;

struct CompletionPrompt {
  Tokens tokens;
  std::string text;  // as it was given, to be echoed
};

struct CompletionOptions {
  std::string model = {};
  bool stream = false, include_usage = false, echo = false, token_ids = false;
  std::optional<std::size_t> logprobs = {};
  std::vector<std::string> echoes = {};  // one a choice
};

bool IsIds(const Json& json) {
  const Json::Array* array = json.AsArray();
  return array != nullptr && !array->empty() && array->front().AsNumber().has_value();
}

ApiResult<CompletionPrompt> TextPrompt(const ServedModel& model, const std::string& text) {
  HADAL_TRY_STATUS(CheckLeastTokens(model, model.files().tokenizer.LeastTokens(text), "prompt"));
  CompletionPrompt prompt{.tokens = model.files().tokenizer.Encode(text), .text = text};
  if (const auto bos = model.files().model.config.bos_token_id)
    prompt.tokens.insert(prompt.tokens.begin(), static_cast<std::int32_t>(*bos));
  return prompt;
}

CompletionPrompt IdsPrompt(const ServedModel& model, Fields* body, const Json& json) {
  const Json wrapped = Json::MakeObject({{"prompt", json}});
  Fields inner(wrapped);
  CompletionPrompt prompt;
  inner.Ids("prompt", &prompt.tokens);
  if (!inner.status().ok()) body->Fail("prompt", "expected token ids");
  const std::size_t vocab = model.files().model.config.vocab_size;
  for (const std::int32_t id : prompt.tokens)
    if (static_cast<std::size_t>(id) >= vocab)
      body->Fail("prompt", fmt::format("found token {}, expected ids below {}", id, vocab));
  if (body->status().ok()) prompt.text = model.files().tokenizer.Decode(prompt.tokens);
  return prompt;
}

// A text, token ids, or an array of those.
ApiResult<std::vector<CompletionPrompt>> ReadPrompts(const ServedModel& model, Fields* body) {
  std::vector<CompletionPrompt> prompts;
  const Json* field = body->Find("prompt");
  const auto add = [&](const Json& json) -> ApiStatus {
    if (json.AsString() != nullptr) {
      HADAL_TRY(CompletionPrompt prompt, TextPrompt(model, *json.AsString()));
      prompts.push_back(std::move(prompt));
    } else if (IsIds(json)) {
      prompts.push_back(IdsPrompt(model, body, json));
    } else {
      body->Fail("prompt",
                 fmt::format("found {}, expected a string, token ids, or an array of them",
                             json.KindName()));
    }
    return Unit{};
  };
  if (field == nullptr) {
    body->Fail("prompt", "found nothing, expected a string, token ids, or an array of them");
  } else if (field->AsArray() == nullptr || IsIds(*field)) {
    HADAL_TRY_STATUS(add(*field));
  } else if (field->AsArray()->empty() || field->AsArray()->size() > kMostPrompts) {
    body->Fail("prompt", fmt::format("found {} prompts, expected 1 to {}", field->AsArray()->size(),
                                     kMostPrompts));
  } else {
    for (const Json& item : *field->AsArray()) HADAL_TRY_STATUS(add(item));
  }
  return prompts;
}

// What stands between two texts, in models that were trained to fill it in.
void AddSuffix(const ServedModel& model, Fields* body, std::vector<CompletionPrompt>* prompts) {
  std::string suffix;
  body->Text("suffix", &suffix);
  if (suffix.empty()) return;
  const text::Tokenizer& tokenizer = model.files().tokenizer;
  const auto begin = tokenizer.AddedToken("<\uFF5Cfim\u2581begin\uFF5C>");
  const auto hole = tokenizer.AddedToken("<\uFF5Cfim\u2581hole\uFF5C>");
  const auto end = tokenizer.AddedToken("<\uFF5Cfim\u2581end\uFF5C>");
  if (!begin || !hole || !end)
    return body->Fail("suffix", "this model's vocabulary has no tokens for filling in");
  const Tokens behind = tokenizer.Encode(suffix);
  for (CompletionPrompt& prompt : *prompts) {
    const bool bos = model.files().model.config.bos_token_id.has_value();
    prompt.tokens.insert(prompt.tokens.begin() + (bos ? 1 : 0), *begin);
    prompt.tokens.push_back(*hole);
    prompt.tokens.insert(prompt.tokens.end(), behind.begin(), behind.end());
    prompt.tokens.push_back(*end);
  }
}

// Where tokens begin in the text that they make, in characters; one that begins within a character
// has the place of that character.
class TextOffset {
 public:
  // Of the next token.
  std::size_t Pass(std::string_view bytes) {
    const std::size_t begin = open_.size();
    open_ += bytes;
    const std::size_t whole = open_.size() - text::IncompleteUtf8Tail(open_);
    std::size_t at = 0, place = characters_;
    for (; at < whole; ++characters_) {
      at += text::StepUtf8(std::string_view(open_).substr(at)).bytes;
      if (at <= begin) ++place;
    }
    open_.erase(0, whole);
    return place;
  }

 private:
  std::size_t characters_ = 0;
  std::string open_;  // the beginning of a character
};

// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}.
class LogprobLists {
 public:
  explicit LogprobLists(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  Json Of(const std::vector<AnswerToken>& answer_tokens, TextOffset* offset) const {
    Json::Array tokens, logprobs, tops, offsets;
    for (const AnswerToken& token : answer_tokens) {
      if (!token.logprobs) continue;
      tokens.emplace_back(TokenText(tokenizer_, token.id));
      logprobs.emplace_back(token.logprobs->chosen.logprob);
      Json top = Json::MakeObject({});
      for (const engine::TokenLogprob& other : token.logprobs->top)
        top.Set(TokenText(tokenizer_, other.id), other.logprob);
      tops.push_back(std::move(top));
      offsets.emplace_back(std::uint64_t{offset->Pass(tokenizer_.TokenBytes(token.id))});
    }
    return Json::MakeObject({{"tokens", std::move(tokens)},
                             {"token_logprobs", std::move(logprobs)},
                             {"top_logprobs", std::move(tops)},
                             {"text_offset", std::move(offsets)}});
  }

 private:
  const text::Tokenizer& tokenizer_;
};

Json Head(const std::string& id, std::int64_t created, const CompletionOptions& options,
          const ServedModel& model) {
  return Json::MakeObject({{"id", "cmpl-" + id},
                           {"object", "text_completion"},
                           {"created", created},
                           {"model", options.model},
                           {"system_fingerprint", model.fingerprint()}});
}

Json StopReason(const Answer& answer) {
  return answer.end.stop_text.empty() ? Json() : Json(answer.end.stop_text);
}

class CompletionWhole : public WholeSink {
 public:
  CompletionWhole(const ServedModel& model, CompletionOptions options, ExchangePtr exchange)
      : WholeSink(std::move(exchange)), model_(model), options_(std::move(options)) {}

 private:
  Json Whole(const std::string& id, const std::vector<Answer>& answers) override {
    const LogprobLists lists(model_.files().tokenizer);
    Json::Array choices;
    for (const Answer& answer : answers) {
      const std::string echo = options_.echo ? options_.echoes[answer.index] : "";
      TextOffset offset;
      Json choice = Json::MakeObject(
          {{"index", std::uint64_t{answer.index}},
           {"text", echo + answer.content},
           {"logprobs", options_.logprobs ? lists.Of(answer.tokens, &offset) : Json()},
           {"finish_reason", FinishName(answer.finish)},
           {"stop_reason", StopReason(answer)}});
      if (options_.token_ids) choice.Set("token_ids", TokenIds(answer.tokens));
      choices.push_back(std::move(choice));
    }
    Json whole = Head(id, UnixSeconds(), options_, model_);
    whole.Set("choices", std::move(choices));
    whole.Set("usage", UsageJson(UsageOf(answers)));
    whole.Set("timings", TimingsJson(answers[0].end));
    return whole;
  }

  const ServedModel& model_;
  const CompletionOptions options_;
};

class CompletionStream : public AnswerSink {
 public:
  CompletionStream(const ServedModel& model, CompletionOptions options, ExchangePtr exchange)
      : model_(model),
        options_(std::move(options)),
        stream_(std::move(exchange)),
        offsets_(options_.echoes.size()) {}

  void Accepted(const std::string& id) override {
    id_ = id;
    stream_.Begin();
    if (!options_.echo) return;
    for (std::size_t i = 0; i < options_.echoes.size(); ++i)
      stream_.Data(Chunk(i, options_.echoes[i], {}));
  }
  void Progress(std::size_t, std::size_t, double) override {}
  void Delta(const AnswerDelta& delta) override {
    std::string text;
    for (const AnswerPiece& piece : delta.pieces) text += piece.text;
    Json chunk = Chunk(delta.index, text, {});
    Json& choice = chunk.AsObject()->at(kChoices).second.AsArray()->at(0);
    if (options_.logprobs)
      choice.Set("logprobs",
                 LogprobLists(model_.files().tokenizer).Of(delta.tokens, &offsets_[delta.index]));
    if (options_.token_ids) choice.Set("token_ids", TokenIds(delta.tokens));
    stream_.Data(chunk);
  }
  void Done(const Answer& answer) override {
    Json chunk = Chunk(answer.index, "", FinishName(answer.finish));
    chunk.AsObject()->at(kChoices).second.AsArray()->at(0).Set("stop_reason", StopReason(answer));
    chunk.Set("timings", TimingsJson(answer.end));
    stream_.Data(chunk);
  }
  void Finished(const std::vector<Answer>& answers) override {
    FinishChunks(&stream_, Head(id_, created_, options_, model_), options_.include_usage, answers);
  }
  void Failed(const ApiError& error) override { FailStream(&stream_, error); }
  void Alive() override { stream_.Comment("keep-alive"); }

 private:
  static constexpr std::size_t kChoices = 5;  // place of "choices" in a chunk

  Json Chunk(std::size_t index, const std::string& text, Json finish) const {
    Json chunk = Head(id_, created_, options_, model_);
    chunk.Set("choices", Json::Array{Json::MakeObject({{"index", std::uint64_t{index}},
                                                       {"text", text},
                                                       {"logprobs", nullptr},
                                                       {"finish_reason", std::move(finish)}})});
    if (options_.include_usage) chunk.Set("usage", nullptr);
    return chunk;
  }

  const ServedModel& model_;
  const CompletionOptions options_;
  const std::int64_t created_ = UnixSeconds();
  EventStream stream_;
  std::string id_;
  std::vector<TextOffset> offsets_;  // of the choices
};

CompletionOptions ReadOptions(Fields* body) {
  CompletionOptions options;
  body->Text("model", &options.model);
  body->Flag("stream", &options.stream);
  body->Flag("echo", &options.echo);
  body->Count("logprobs", {0, kMostTopLogprobs}, &options.logprobs);
  ReadStreamOptions(body, &options.include_usage);
  return options;
}

ApiResult<Prepared> PrepareCompletion(Api& api, const Json& json, const ExchangePtr& exchange) {
  Fields body(json);
  CompletionOptions options = ReadOptions(&body);
  HADAL_TRY_STATUS(body.status());
  HADAL_TRY_STATUS(api.model.Choose(options.model));
  if (options.model.empty()) options.model = api.model.id();
  Sampling sampling = ReadSampling(&body, api.model);
  options.token_ids = sampling.return_token_ids;
  HADAL_TRY(std::vector<CompletionPrompt> prompts, ReadPrompts(api.model, &body));
  AddSuffix(api.model, &body, &prompts);
  std::optional<std::size_t> max_tokens;
  body.Count("max_tokens", {0, kMostTokens}, &max_tokens);
  std::size_t best_of = sampling.choices;
  body.Count("best_of", {1, kMostChoices}, &best_of);
  if (best_of != sampling.choices) body.Fail("best_of", "not supported but as n");
  if (options.echo && options.logprobs) body.Fail("echo", "not supported with logprobs");
  HADAL_TRY_STATUS(body.status());
  HADAL_TRY_STATUS(CheckUnknown(api, body, CallerOf(api, exchange->request())));

  Generation generation{.api = "completions"};
  if (options.logprobs || options.token_ids)
    generation.tokens = options.stream ? TokensGo::kThrough : TokensGo::kIntoAnswer;
  std::size_t number = 0;
  for (const CompletionPrompt& prompt : prompts) {
    RunRequest run;
    run.prompt = number++;
    run.engine.tokens = prompt.tokens;
    run.engine.sample = sampling.sample;
    run.engine.stop = sampling.stop;
    HADAL_TRY(run.engine.stop.max_tokens,
              RoomFor(api.model, {.prompt_tokens = prompt.tokens.size(),
                                  .wanted = max_tokens.value_or(kDefaultTokens),
                                  .clamp = !max_tokens,
                                  .most = api.options.most_tokens,
                                  .prompt = "prompt"}));
    run.engine.stop.min_tokens = std::min(run.engine.stop.min_tokens, *run.engine.stop.max_tokens);
    run.engine.logprobs = options.logprobs;
    for (std::size_t i = 0; i < sampling.choices; ++i) {
      run.engine.sample.choice = i;
      generation.runs.push_back(run);
      options.echoes.push_back(prompt.text);
    }
  }
  Prepared prepared{.generation = std::move(generation), .sink = {}};
  if (options.stream)
    prepared.sink = std::make_unique<CompletionStream>(api.model, std::move(options), exchange);
  else
    prepared.sink = std::make_unique<CompletionWhole>(api.model, std::move(options), exchange);
  return prepared;
}

}  // namespace

void AddCompletions(Routes* routes, Api& api) {
  AddGenerating(routes, api, {"/v1/completions", "/completions", "/beta/completions"},
                PrepareCompletion);
}

}  // namespace hadal::server
