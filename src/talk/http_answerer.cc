#include "talk/http_answerer.h"

#include <algorithm>
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

Json RequestJson(const Conversation& conversation, const ServerOptions& options) {
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
  const std::string& error() const { return error_; }
  bool ended() const { return ended_; }

 private:
  void Take(const std::string& data) {
    const Result<Json> json = ParseJson(data);
    if (!json.ok()) return;  // "[DONE]"
    if (json->Find("error") != nullptr) error_ = ErrorText(data);
    if (const Json* usage = json->Find("usage"); usage != nullptr) TakeUsage(*usage);
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
    (reasoning ? answer_.message.reasoning : answer_.message.content) += *text->AsString();
    if (listener_.on_text) listener_.on_text(reasoning, *text->AsString());
  }

  void TakeUsage(const Json& usage) {
    answer_.prompt_tokens = CountIn(usage, "prompt_tokens");
    answer_.generated_tokens = CountIn(usage, "completion_tokens");
    const Json* details = usage.Find("prompt_tokens_details");
    const std::size_t cached = details == nullptr ? 0 : CountIn(*details, "cached_tokens");
    answer_.read_tokens = answer_.prompt_tokens - std::min(cached, answer_.prompt_tokens);
  }

  const AnswerListener& listener_;
  Answer& answer_;
  std::string waiting_, error_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<HttpAnswerer>> HttpAnswerer::Create(const ServerOptions& options) {
  std::unique_ptr<HttpAnswerer> made(new HttpAnswerer(options));
  std::string_view rest = options.url;
  if (!rest.starts_with(kScheme))
    return Fail(Code::kInvalid, "--url {}: expected http://HOST:PORT", Quote(options.url));
  rest.remove_prefix(kScheme.size());
  std::string_view place = rest.substr(0, rest.find('/'));
  std::string_view folder = rest.substr(place.size());
  while (folder.ends_with('/')) folder.remove_suffix(1);
  if (!folder.ends_with(kApiVersion))
    made->base_ = std::string(folder) + std::string(kApiVersion);
  else
    made->base_ = folder;
  const std::size_t colon = place.rfind(':');
  const bool has_port = colon != place.npos && place.find(']', colon) == place.npos;
  made->port_ = has_port ? place.substr(colon + 1) : "80";
  if (has_port) place = place.substr(0, colon);
  if (place.starts_with('[') && place.ends_with(']')) place = place.substr(1, place.size() - 2);
  made->host_ = place;

  std::string body;
  HADAL_TRY(const unsigned status,
            Http({made->host_, made->port_, made->base_ + "/models", {}, options.api_key}, nullptr,
                 [&](std::string_view piece) { body += piece; }));
  if (status != 200) return Fail(Code::kIo, "{}: {} {}", options.url, status, ErrorText(body));
  const Result<Json> json = ParseJson(body);
  const Json* data = json.ok() ? json->Find("data") : nullptr;
  if (data == nullptr || data->AsArray() == nullptr || data->AsArray()->empty())
    return Fail(Code::kIo, "{}: no list of models; expected a server of the chat completions API",
                options.url);
  const Json* id = (*data->AsArray())[0].Find("id");
  if (made->options_.model.empty() && id != nullptr && id->AsString() != nullptr)
    made->options_.model = *id->AsString();
  return made;
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
                            RequestJson(conversation, options_).Dump(), options_.api_key},
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
  answer.prefill_seconds = first.value_or(clock.seconds());
  answer.decode_seconds = clock.seconds() - answer.prefill_seconds;
  use_.tokens = answer.prompt_tokens + answer.generated_tokens;
  return answer;
}

std::string HttpAnswerer::UseTable() const {
  return fmt::format(
      "{} tokens in {}'s last answer and its prompt; what they take, the server "
      "knows\n",
      FormatCount(use_.tokens), options_.model);
}

}  // namespace hadal::talk
