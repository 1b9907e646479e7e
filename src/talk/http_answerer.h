// A server that answers: any that speaks the chat completions API, such as hadal serve. One thread.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "talk/answerer.h"

namespace hadal::talk {

struct ServerOptions {
  std::string url = {};      // "http://127.0.0.1:8080", with or without "/v1" behind it
  std::string model = {};    // the name to ask for; empty: the first that the server lists
  std::string api_key = {};  // empty: none
  std::optional<std::size_t> max_tokens = {};
  // How tokens are drawn, but for the seed: fields of the API. The server chooses what is not
  // there.
  Json draws = Json::MakeObject({});
};

// kInvalid: an address that is none, or https.
Status CheckServerUrl(const std::string& url);

class HttpAnswerer : public Answerer {
 public:
  // Asks the server for its models. kInvalid: an address that is none, or https. kIo, kNotFound: no
  // such server, or not one of this kind.
  static Result<std::unique_ptr<HttpAnswerer>> Create(const ServerOptions& options);

  std::string model() const override { return options_.model; }
  std::string about() const override { return options_.model + " at " + options_.url; }
  Result<Answer> Reply(const Conversation& conversation, const AnswerListener& listener,
                       const std::atomic<bool>& stop) override;
  ContextUse use() const override { return use_; }
  std::string UseTable() const override;
  bool knows_draws() const override { return false; }

 private:
  explicit HttpAnswerer(ServerOptions options) : options_(std::move(options)) {}
  Result<Json> Get(const std::string& path) const;
  void AskForState();

  ServerOptions options_;
  std::string host_, port_, base_;  // of the url; the last with "/v1"
  ContextUse use_;
  // Of `hadal serve` alone, which tells more than others: the bytes of a conversation's state.
  bool hadal_ = false;
  double state_bytes_per_token_ = 0, state_fixed_bytes_ = 0;
};

}  // namespace hadal::talk
