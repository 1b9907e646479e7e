// HTTP as the rest of the server sees it: plain values, and one Exchange a request. Sockets and the
// library that reads from them are in listener.cc alone, so that everything else is tested without.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::server {

struct Header {
  std::string name, value;
};

struct HttpRequest {
  std::string id = {};  // of ours, or the client's own x-request-id: in logs and in the answer
  std::string method = {};
  // Of the target, cut at its '?'. The path has no escapes (%XX) but those of '/' and '%'
  // (WithoutEscapes); the query is as it came.
  std::string path = {}, query = {};
  std::vector<Header> headers = {};
  std::string body = {};
  std::string peer = {};  // address and port

  // "" if it is not there. `name` in lower case; the first of several.
  std::string_view Find(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<Header> headers = {};
  std::string body = {};
};

const char* StatusText(int status);

// A path without its escapes, but for those of '/', which would divide it, and of '%': they become
// %2F and %25. Nothing if one is wrong, or stands for a control character.
// Source: RFC 3986, 2.1, 2.4, 6.2.2.2.
std::optional<std::string> WithoutEscapes(std::string_view path);
// What such a path has left of escapes is what it stands for: a name with slashes.
std::string NameInPath(std::string_view part);

// What HTTP compares without regard to case: names of headers, hosts and media types. ASCII.
std::string Lower(std::string_view text);

// One request and its answer: either Send, or Begin, any number of Write, and End or Abort. From
// any thread; in the order of one thread's calls. Once the client is gone nothing is sent, which is
// no error.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const HttpRequest& request() const = 0;

  virtual void Send(HttpResponse response) = 0;
  virtual void Begin(HttpResponse head) = 0;  // its body is empty: what follows is a stream
  virtual void Write(std::string data) = 0;
  virtual void End() = 0;
  virtual void Abort() = 0;  // ends the connection so that the client sees that the stream is cut

  // Bytes that were written and that the client's system has not taken yet.
  virtual std::size_t unsent() const = 0;
  // On the loop's thread. gone: the client went, or was dropped, before the answer was complete.
  // drained: unsent() is 0 again.
  virtual void Watch(std::function<void()> gone, std::function<void()> drained) = 0;
};

using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace hadal::server
