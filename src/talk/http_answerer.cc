#include "talk/http_answerer.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/json.h"
#include "base/quote.h"
#include "base/units.h"
#include "talk/http_client.h"

namespace hadal::talk {
namespace {

constexpr std::string_view kScheme = "http://", kApiVersion = "/v1";
constexpr std::size_t kMostError = 1 << 16;  // bytes of a body that is read as an error

// What an error's body says, in any of the shapes that servers have.
std::string ErrorText(const std::string& body) {
  const Result<Json> json = ParseJson(body);
  if (!json.ok()) return body.substr(0, 200);
  const Json* error = json->Find("error");
  const Json* message = error == nullptr ? json->Find("message") : error->Find("message");
  if (message == nullptr) message = error;
  return message != nullptr && message->AsString() != nullptr ? *message->AsString()
                                                              : body.substr(0, 200);
}

std::size_t CountIn(const Json& json, const char* key) {
  const Json* value = json.Find(key);
  return value == nullptr ? 0 : static_cast<std::size_t>(value->AsUnsigned().value_or(0));
}

Json RequestJson(const Conversation& conversation, const ServerOptions& options, bool hadal) {
  Json::Array messages;
  for (const chat::Message& message : conversation.messages)
    messages.push_back(chat::MessageJson(message));
  const engine::SampleOptions& sample = conversation.sample;
  Json json =
      Json::MakeObject({{"model", options.model},
                        {"messages", std::move(messages)},
                        {"stream", true},
                        {"stream_options", Json::MakeObject({{"include_usage", true}})},
                        {"seed", (sample.seed + sample.choice) % (std::uint64_t{1} << 53)}});
  for (const auto& [key, value] : *options.draws.AsObject()) json.Set(key, value);
  if (options.max_tokens) json.Set("max_tokens", std::uint64_t{*options.max_tokens});
  const bool thinks = conversation.effort != Effort::kNone;
  json.Set("thinking", Json::MakeObject({{"type", thinks ? "enabled" : "disabled"}}));
  if (thinks) json.Set("reasoning_effort", conversation.effort == Effort::kMax ? "max" : "high");
  if (hadal) json.Set("return_progress", true);
  return json;
}

// Server-sent events of a completion, put together.
class Events {
 public:
  Events(const AnswerListener& listener, Answer* answer) : listener_(listener), answer_(*answer) {}

  void Push(std::string_view text) {
    waiting_ += text;
    for (std::size_t end = 0; (end = waiting_.find('\n')) != waiting_.npos;) {
      std::string line = waiting_.substr(0, end);
      waiting_.erase(0, end + 1);
      if (line.ends_with('\r')) line.pop_back();
      if (line.starts_with("data:")) Take(line.substr(5));
    }
  }
  // The usage comes last: of an answer that was stopped before, what came is counted.
  void Finish() {
    if (answer_.generated_tokens > 0 || pieces_ == 0) return;
    answer_.generated_tokens = pieces_;
    answer_.about = true;
  }
  const std::string& error() const { return error_; }
  bool ended() const { return ended_; }

 private:
  void Take(const std::string& data) {
    const Result<Json> json = ParseJson(data);
    if (!json.ok()) return;  // "[DONE]"
    if (json->Find("error") != nullptr) error_ = ErrorText(data);
    if (const Json* usage = json->Find("usage"); usage != nullptr) TakeUsage(*usage);
    if (const Json* progress = json->Find("prompt_progress"); progress != nullptr)
      TakeProgress(*progress);
    const Json* choices = json->Find("choices");
    if (choices == nullptr || choices->AsArray() == nullptr || choices->AsArray()->empty()) return;
    const Json& choice = (*choices->AsArray())[0];
    if (const Json* delta = choice.Find("delta"); delta != nullptr) {
      // Of its two names servers send one, or both with the same text.
      const Json* reasoning = delta->Find("reasoning_content");
      if (reasoning == nullptr || reasoning->AsString() == nullptr)
        reasoning = delta->Find("reasoning");
      TakeText(reasoning, true);
      TakeText(delta->Find("content"), false);
    }
    const Json* reason = choice.Find("finish_reason");
    if (reason == nullptr || reason->AsString() == nullptr) return;
    ended_ = true;
    answer_.end = *reason->AsString() == "length" ? Answer::End::kLimit : Answer::End::kWhole;
  }

  void TakeText(const Json* text, bool reasoning) {
    if (text == nullptr || text->AsString() == nullptr || text->AsString()->empty()) return;
    ++pieces_;
    (reasoning ? answer_.message.reasoning : answer_.message.content) += *text->AsString();
    if (listener_.on_text) listener_.on_text(reasoning, *text->AsString());
  }

  void TakeProgress(const Json& progress) {
    const std::size_t total = CountIn(progress, "total");
    answer_.prompt_tokens = total;
    answer_.read_tokens = total - std::min(CountIn(progress, "cache"), total);
    if (listener_.on_prompt) listener_.on_prompt(CountIn(progress, "processed"), total);
  }

  void TakeUsage(const Json& usage) {
    if (usage.AsObject() == nullptr) return;
    answer_.prompt_tokens = CountIn(usage, "prompt_tokens");
    answer_.generated_tokens = CountIn(usage, "completion_tokens");
    const Json* details = usage.Find("prompt_tokens_details");
    const std::size_t cached = details == nullptr ? 0 : CountIn(*details, "cached_tokens");
    answer_.read_tokens = answer_.prompt_tokens - std::min(cached, answer_.prompt_tokens);
  }

  const AnswerListener& listener_;
  Answer& answer_;
  std::string waiting_, error_;
  std::size_t pieces_ = 0;  // of text: a token each, mostly
  bool ended_ = false;
};

double NumberIn(const Json& json, const char* key) {
  const Json* value = json.Find(key);
  return value == nullptr ? 0 : value->AsNumber().value_or(0);
}

struct ServerPlace {
  std::string host, port, base;  // the last with "/v1"
};

// The resolver would take a port's number modulo 65,536.
bool IsPort(std::string_view text) {
  std::uint16_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stop == text.data() + text.size() && number > 0;
}

Result<ServerPlace> ParseServerUrl(const std::string& url) {
  std::string_view rest = url;
  if (!rest.starts_with(kScheme))
    return Fail(Code::kInvalid, "--url {}: expected http://HOST:PORT", Quote(url));
  rest.remove_prefix(kScheme.size());
  std::string_view host = rest.substr(0, rest.find('/'));
  std::string_view folder = rest.substr(host.size());
  while (folder.ends_with('/')) folder.remove_suffix(1);
  ServerPlace place{.host = {}, .port = "80", .base = std::string(folder)};
  if (!folder.ends_with(kApiVersion)) place.base += kApiVersion;
  const std::size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    place.port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (!IsPort(place.port))
      return Fail(Code::kInvalid, "--url {}: found port {}, expected 1 to 65535", Quote(url),
                  Quote(place.port));
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) return Fail(Code::kInvalid, "--url {}: expected http://HOST:PORT", Quote(url));
  place.host = host;
  return place;
}

}  // namespace

Status CheckServerUrl(const std::string& url) {
  const Result<ServerPlace> place = ParseServerUrl(url);
  return place.ok() ? Status(Unit{}) : Status(place.error());
}

Result<std::unique_ptr<HttpAnswerer>> HttpAnswerer::Create(const ServerOptions& options) {
  HADAL_TRY(ServerPlace place, ParseServerUrl(options.url));
  std::unique_ptr<HttpAnswerer> made(new HttpAnswerer(options));
  made->host_ = std::move(place.host);
  made->port_ = std::move(place.port);
  made->base_ = std::move(place.base);

  HADAL_TRY(const Json json, made->Get(made->base_ + "/models"));
  const Json* data = json.Find("data");
  if (data == nullptr || data->AsArray() == nullptr || data->AsArray()->empty())
    return Fail(Code::kIo, "{}: no list of models; expected a server of the chat completions API",
                options.url);
  const Json& model = (*data->AsArray())[0];
  const Json *id = model.Find("id"), *owner = model.Find("owned_by");
  if (made->options_.model.empty() && id != nullptr && id->AsString() != nullptr)
    made->options_.model = *id->AsString();
  made->use_.limit = std::max(CountIn(model, "max_model_len"), CountIn(model, "context_length"));
  made->hadal_ = owner != nullptr && owner->AsString() != nullptr && *owner->AsString() == "hadal";
  if (made->hadal_) made->AskForState();
  return made;
}

// A GET whose answer is JSON; null where it is none.
Result<Json> HttpAnswerer::Get(const std::string& path) const {
  std::string body;
  HADAL_TRY(const unsigned status, Http({host_, port_, path, {}, options_.api_key}, nullptr,
                                        [&](std::string_view piece) { body += piece; }));
  if (status != 200) return Fail(Code::kIo, "{}: {} {}", options_.url, status, ErrorText(body));
  Result<Json> json = ParseJson(body);
  return json.ok() ? std::move(*json) : Json();
}

// What a context takes in the server's model, the first that it compares. Not told: not shown.
void HttpAnswerer::AskForState() {
  const std::string folder = base_.substr(0, base_.size() - kApiVersion.size());
  const Result<Json> status = Get(folder + "/hadal/status");
  const Json* compare = status.ok() ? status->Find("compare") : nullptr;
  const Json* models = compare == nullptr ? nullptr : compare->Find("models");
  if (models == nullptr || models->AsArray() == nullptr || models->AsArray()->empty()) return;
  const Json& served = (*models->AsArray())[0];
  state_bytes_per_token_ = NumberIn(served, "bytes_per_token");
  state_fixed_bytes_ = NumberIn(served, "fixed_bytes");
}

Result<Answer> HttpAnswerer::Reply(const Conversation& conversation, const AnswerListener& listener,
                                   const std::atomic<bool>& stop) {
  Answer answer{.message = {.role = chat::Role::kAssistant}, .end = Answer::End::kStopped};
  std::string beginning;  // which is all, if it is an error
  std::optional<double> first;
  const Stopwatch clock;
  AnswerListener timed = listener;
  timed.on_text = [&](bool reasoning, std::string_view text) {
    if (!first) first = clock.seconds();
    if (listener.on_text) listener.on_text(reasoning, text);
  };
  Events events(timed, &answer);
  const auto status = Http({host_, port_, base_ + "/chat/completions",
                            RequestJson(conversation, options_, hadal_).Dump(), options_.api_key},
                           &stop, [&](std::string_view piece) {
                             if (beginning.size() < kMostError) beginning += piece;
                             events.Push(piece);
                           });
  if (!status.ok() && status.error().code != Code::kCancelled) return status.error();
  if (status.ok() && *status != 200)
    return Fail(Code::kIo, "{}: {} {}", options_.url, *status, ErrorText(beginning));
  if (!events.error().empty()) return Fail(Code::kIo, "{}: {}", options_.url, events.error());
  if (status.ok() && !events.ended())
    return Fail(Code::kIo, "{}: the answer breaks off", options_.url);
  events.Finish();
  answer.prefill_seconds = first.value_or(clock.seconds());
  answer.decode_seconds = clock.seconds() - answer.prefill_seconds;
  use_.tokens = answer.prompt_tokens + answer.generated_tokens;
  if (state_fixed_bytes_ + state_bytes_per_token_ > 0)
    use_.cache_bytes = static_cast<std::uint64_t>(
        state_fixed_bytes_ + state_bytes_per_token_ * static_cast<double>(use_.tokens));
  return answer;
}

std::string HttpAnswerer::UseTable() const {
  std::string text = fmt::format("{} tokens in {}'s last answer and its prompt",
                                 FormatCount(use_.tokens), options_.model);
  if (use_.limit > 0) text += fmt::format(", of {}", FormatCount(use_.limit));
  text += use_.cache_bytes > 0
              ? fmt::format("; about {} of states there\n", FormatBytes(use_.cache_bytes))
              : "; what they take, the server knows\n";
  return text;
}

}  // namespace hadal::talk
