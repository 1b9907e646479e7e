// Which pages may use the server. A browser sends what any page asks it to, to servers on loopback
// too; so on loopback the Host, which browsers always send, must be this machine's (a name that an
// attacker's DNS points here is not), and an Origin must be the server's own or one that was
// allowed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/http.h"

namespace hadal::server {

struct OriginOptions {
  bool loopback = true;                   // the server listens on loopback alone
  std::vector<std::string> hosts = {};    // further names of it, without port
  std::vector<std::string> allowed = {};  // origins: "https://example.org"; "*": any
};

class OriginCheck {
 public:
  explicit OriginCheck(OriginOptions options) : options_(std::move(options)) {}

  // 403 names what was found.
  ApiStatus Check(const HttpRequest& request) const;
  // What the browser must read to hand an answer to a page of another origin; empty: nothing.
  std::vector<Header> CorsHeaders(const HttpRequest& request) const;
  // The answer to a browser's question whether a page may ask; only if the origin is allowed.
  std::optional<HttpResponse> Preflight(const HttpRequest& request) const;

 private:
  bool Allowed(std::string_view origin) const;
  OriginOptions options_;
};

std::string_view HostName(std::string_view host_and_port);  // "[::1]:80" is "[::1]"

}  // namespace hadal::server
