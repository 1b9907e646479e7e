// HTTP requests, one at a time, each on a connection of its own, without encryption: what
// talk/http_answerer.h needs.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hadal::talk {

struct HttpCall {
  std::string host, port, target;
  std::string body = {};     // empty: GET, else POST of JSON
  std::string api_key = {};  // empty: none
};

// The response's status and, piece by piece, its body. kIo: names the server and what went wrong.
// kCancelled: *stop became true (Ctrl-C ends a wait, see talk/interrupt.h).
Result<unsigned> Http(const HttpCall& call, const std::atomic<bool>* stop,
                      const std::function<void(std::string_view)>& on_body);

}  // namespace hadal::talk
