#include "server/origin.h"

#include <algorithm>

#include "base/quote.h"

namespace hadal::server {
namespace {

// Names of hosts have no case, and may have the root's dot behind them.
std::string PlainHost(std::string_view name) {
  if (name.size() > 1 && name.ends_with('.')) name.remove_suffix(1);
  return Lower(name);
}

bool IsLoopbackName(std::string_view name) {
  if (name == "localhost" || name == "[::1]") return true;
  // 127.0.0.0/8, written as an address: nothing else may begin like that.
  return name.starts_with("127.") && name.find_first_not_of("0123456789.") == name.npos;
}

// Without scheme: "http://localhost:8080" is "localhost:8080".
std::string_view AuthorityOf(std::string_view origin) {
  const std::size_t at = origin.find("://");
  return at == origin.npos ? std::string_view() : origin.substr(at + 3);
}

}  // namespace

std::string_view HostName(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == host.npos ? 0 : bracket);
  return host.substr(0, colon);
}

bool OriginCheck::Allowed(std::string_view origin) const {
  return std::ranges::any_of(
      options_.allowed, [&](const std::string& other) { return other == "*" || other == origin; });
}

ApiStatus OriginCheck::Check(const HttpRequest& request) const {
  const std::string_view host = request.Find("host"), origin = request.Find("origin");
  // Of two the server and a proxy before it might each believe another.
  if (std::ranges::count(request.headers, "host", &Header::name) > 1)
    return ApiError{.status = 400, .message = "Host: found several, expected one"};
  const std::string name = PlainHost(HostName(host));
  // HTTP/1.0 has requests without it, and browsers send none of them.
  const bool none = std::ranges::count(request.headers, "host", &Header::name) == 0;
  if (options_.loopback && !none && !IsLoopbackName(name) &&
      std::ranges::none_of(options_.hosts,
                           [&](const std::string& other) { return PlainHost(other) == name; }))
    return ApiError{.status = 403,
                    .message = fmt::format("Host: found {}, expected a name of this machine; "
                                           "--allow-host lets others in",
                                           Quote(host))};
  const std::string authority = Lower(AuthorityOf(origin));
  const bool own = !authority.empty() && authority == Lower(host);
  if (origin.empty() || Allowed(origin) || own) return Unit{};
  return ApiError{.status = 403,
                  .message = fmt::format("Origin: found {}, expected the server's own; "
                                         "--cors-origin lets others in",
                                         Quote(origin))};
}

std::vector<Header> OriginCheck::CorsHeaders(const HttpRequest& request) const {
  const std::string_view origin = request.Find("origin");
  if (origin.empty() || !Allowed(origin)) return {};
  return {{"access-control-allow-origin", std::string(origin)},
          {"access-control-expose-headers", "x-request-id, request-id, retry-after"},
          {"vary", "origin"}};
}

std::optional<HttpResponse> OriginCheck::Preflight(const HttpRequest& request) const {
  if (request.method != "OPTIONS") return std::nullopt;
  const std::string_view origin = request.Find("origin");
  if (origin.empty() || !Allowed(origin)) return std::nullopt;
  HttpResponse response{.status = 204, .content_type = ""};
  response.headers = {{"access-control-allow-methods", "GET, POST, OPTIONS"},
                      {"access-control-max-age", "3600"}};
  // What clients of both APIs send; names that a header may hold, since the browser lists them.
  std::string names = "authorization, content-type, x-api-key, anthropic-version, anthropic-beta";
  const std::string_view asked = request.Find("access-control-request-headers");
  constexpr std::string_view kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_, ";
  if (!asked.empty() && asked.find_first_not_of(kNameCharacters) == asked.npos)
    names = std::string(asked);
  response.headers.push_back({"access-control-allow-headers", names});
  return response;
}

}  // namespace hadal::server
