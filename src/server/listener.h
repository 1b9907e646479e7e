// Listens at an address, reads HTTP/1.1 requests and hands each to a handler as an Exchange.
//
// A connection has one request at a time; what a client sends ahead waits, a bounded amount. It is
// closed when it is idle, sends headers or a body too slowly, or does not take its answer. While a
// request is answered the socket is read on, so that a client that goes is noticed at once.
//
// Belongs to the loop's thread, and goes before the loop does.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/http.h"
#include "server/loop.h"

namespace hadal::server {

struct ListenerOptions {
  std::string host = "127.0.0.1";  // an address, or a name that resolves to one
  std::uint16_t port = 8080;       // 0: any that is free
  std::size_t max_connections = 4096;
  std::size_t header_bytes = std::size_t{64} << 10;
  std::uint64_t body_bytes = std::uint64_t{64} << 20;
  // Of all requests that are being received.
  std::uint64_t all_body_bytes = std::uint64_t{256} << 20;
  int idle_seconds = 120, header_seconds = 20;
  int body_seconds = 30;   // between two pieces
  int write_seconds = 30;  // likewise: who takes nothing for so long is dropped
};

class Listener {
 public:
  // What a request that is no HTTP, too large or too slow, gets. What is known of it: its id in any
  // case, and mostly its method and path.
  using ErrorBody =
      std::function<HttpResponse(int status, const std::string& message, const HttpRequest& known)>;
  using Handler = std::function<void(const ExchangePtr&)>;  // on the loop's thread

  // kInvalid: no such address; kIo: the system refused to listen there.
  static Result<std::unique_ptr<Listener>> Open(Loop& loop, const ListenerOptions& options,
                                                Handler handler, ErrorBody error_body);
  ~Listener();

  std::string host() const;  // the address, without brackets
  std::uint16_t port() const;
  bool loopback() const;
  std::size_t connections() const;
  void StopAccepting();  // and closes the connections that are idle
  void CloseAll();

  struct Impl;

 private:
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace hadal::server
