// Tests only: a server of the embedded model on a port of its own, and a client of it.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "chat/dialect.h"
#include "server/server.h"
#include "server/socket_client_test.h"
#include "testing/source_file.h"
#include "text/tokenizer.h"

namespace hadal::server {

// A question, and what else a chat asks: "max_tokens":4
inline constexpr const char* kFox =
    R"("messages":[{"role":"user","content":"Tell me about a fox."}])";

inline std::string Chat(const std::string& fields) {
  return fmt::format("{{{},{}}}", kFox, fields);
}

// What a request says whose answer only its length is to end, and its reasoning a budget, whatever
// the model would write: no control token is ever drawn.
inline std::string Endless() {
  static const std::string fields = [] {
    std::string bias;
    const auto tokenizer = text::Tokenizer::Open(testing::EmbeddedFolder()).value();
    for (const std::string& token : chat::ControlTokens(chat::kDeepSeekV4))
      bias += fmt::format("{}\"{}\":-100", bias.empty() ? "" : ",",
                          tokenizer.AddedToken(token).value());
    return fmt::format(R"("ignore_eos":true,"logit_bias":{{{}}})", bias);
  }();
  return fields;
}

// What lies below these keys and numbers of elements; null if nothing does.
inline const Json& At(const Json& json, std::initializer_list<const char*> keys) {
  static const Json kNull;
  const Json* at = &json;
  for (const char* key : keys) {
    const Json::Array* array = at->AsArray();
    const auto index = static_cast<std::size_t>(std::atoi(key));
    if (array != nullptr && index >= array->size()) return kNull;
    at = array != nullptr ? &(*array)[index] : at->Find(key);
    if (at == nullptr) return kNull;
  }
  return *at;
}
inline std::string Text(const Json& json, std::initializer_list<const char*> keys) {
  const Json& found = At(json, keys);
  return found.AsString() == nullptr ? found.Dump() : *found.AsString();
}

struct Reply {
  int status = 0;
  std::string head, body;
  Json json() const {
    auto parsed = ParseJson(body);
    return parsed.ok() ? *parsed : Json();
  }
  // The "data:" lines of a stream, parsed; [DONE] is a string.
  std::vector<Json> Events() const {
    std::vector<Json> events;
    for (std::size_t at = 0; (at = body.find("data: ", at)) != body.npos;) {
      const std::size_t end = body.find("\n\n", at);
      const std::string line = body.substr(at + 6, end - at - 6);
      auto parsed = ParseJson(line);
      events.push_back(parsed.ok() ? *parsed : Json(line));
      at = end == body.npos ? end : end + 2;
    }
    return events;
  }
};

inline std::string Unchunked(const std::string& chunked) {
  std::string body;
  for (std::size_t at = 0; at < chunked.size();) {
    const std::size_t line = chunked.find("\r\n", at);
    if (line == chunked.npos) break;
    const std::size_t size = std::strtoul(chunked.c_str() + at, nullptr, 16);
    if (size == 0) break;
    body += chunked.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
  return body;
}

// A request as a socket sends it; headers with their line ends.
inline std::string RequestText(const std::string& method, const std::string& path,
                               const std::string& body, const std::string& headers = {}) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}"
      "Content-Length: {}\r\n\r\n{}",
      method, path, headers, body.size(), body);
}
inline std::string PostText(const std::string& path, const std::string& body,
                            const std::string& headers = {}) {
  return RequestText("POST", path, body, headers);
}

inline Reply Ask(std::uint16_t port, const std::string& method, const std::string& path,
                 const std::string& body = {}, const std::string& headers = {}) {
  SocketClient client(port, 120);
  client.Send(RequestText(method, path, body, "Connection: close\r\n" + headers));
  const std::string all = client.ReadAll();
  Reply reply;
  const std::size_t end = all.find("\r\n\r\n");
  if (all.size() < 12 || end == all.npos) return reply;
  reply.status = std::atoi(all.c_str() + 9);
  reply.head = all.substr(0, end);
  reply.body = all.substr(end + 4);
  if (reply.head.find("chunked") != std::string::npos) reply.body = Unchunked(reply.body);
  return reply;
}

class TestServer {
 public:
  static ServerOptions Options() {
    ServerOptions options;
    options.model.directory = testing::EmbeddedFolder();
    options.model.context = 2048;
    options.listener.port = 0;
    options.engine.threads = 2;
    options.thinking = false;
    return options;
  }

  static ServerOptions OneThread() {  // quicker, where others use the processors too
    ServerOptions options = Options();
    options.engine.threads = 1;
    return options;
  }

  explicit TestServer(const ServerOptions& options = Options()) {
    StartLog(0);
    auto opened = Server::Open(options);
    if (!opened.ok()) {
      ADD_FAILURE() << opened.error().what;
      return;
    }
    server_ = std::move(*opened);
    port_ = static_cast<std::uint16_t>(
        std::atoi(server_->url().c_str() + server_->url().rfind(':') + 1));
    thread_ = std::thread([this] { server_->Run(stop_); });
  }
  ~TestServer() { Stop(); }

  void BeginStop() { stop_ = true; }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const { return port_; }
  Reply Post(const std::string& path, const std::string& body,
             const std::string& headers = {}) const {
    return Ask(port_, "POST", path, body, headers);
  }
  Reply Get(const std::string& path, const std::string& headers = {}) const {
    return Ask(port_, "GET", path, {}, headers);
  }
  // Of /hadal/status.
  std::int64_t Running() const {
    const Json status = Get("/hadal/status").json();
    return static_cast<std::int64_t>(status.Find("requests")->Find("list")->AsArray()->size());
  }
  bool IsIdleSoon() const {
    for (int i = 0; i < 1000; ++i) {
      if (Running() == 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  std::atomic<bool> stop_{false};
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// Tests of one suite that share a server, since none needs options of its own.
class SharedServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<TestServer>(TestServer::OneThread()); }
  static void TearDownTestSuite() { server_.reset(); }

  static inline std::unique_ptr<TestServer> server_;
};

}  // namespace hadal::server
