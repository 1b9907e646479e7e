// The server as a whole: one model, one engine thread, one loop, one listener.
#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/api.h"
#include "server/documents.h"
#include "server/engine_thread.h"
#include "server/generations.h"
#include "server/listener.h"
#include "server/origin.h"
#include "server/served_model.h"

namespace hadal::server {

struct ServerOptions {
  ModelOptions model;
  EngineOptions engine;
  ListenerOptions listener;
  GenerationLimits limits;
  OriginOptions origin;                          // loopback is found out
  std::optional<std::uint64_t> body_bytes = {};  // of one request; absent: kept_bytes.h
  // Without api.max_tokens the embedded model's answers have engine::kDefaultMaxTokens at most: it
  // is small, and may not find an end.
  ApiOptions api;
  std::optional<bool> thinking =
      {};  // absent: on, but for the embedded model, which hardly learnt to
  std::vector<Document> documents = {};
  std::vector<std::string> api_keys = {};
  bool vllm_metrics = false;       // metrics have vLLM's names
  bool insecure = false;           // listen beyond loopback without a key
  std::size_t drain_seconds = 30;  // that requests may take to end once the server is to stop
};

class Server {
 public:
  // Listens, then opens the model: who asks meanwhile is told so (server/loading.h). kInvalid: an
  // option; kExhausted: no memory, with the table; kIo: the address. The process's allocator gives
  // back sooner from then on (base/free_memory.h).
  static Result<std::unique_ptr<Server>> Open(ServerOptions options);
  ~Server();

  std::string url() const;                        // "http://127.0.0.1:8080"
  const std::vector<std::string>& notes() const;  // lines for the user

  // Answers requests until `stop` becomes true, and those under way are answered or have had their
  // time. On the calling thread.
  void Run(const std::atomic<bool>& stop);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal::server
