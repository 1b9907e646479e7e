#include "server/routes.h"

#include "base/quote.h"

namespace hadal::server {
namespace {

bool Matches(const std::string& pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  const std::string_view folder = std::string_view(pattern).substr(0, pattern.size() - 1);
  return path.size() > folder.size() && path.starts_with(folder);
}

}  // namespace

ApiResult<const Route*> Routes::Find(std::string_view method, std::string_view path,
                                     std::string* allowed) const {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes_) {
    if (!Matches(route.path, path)) continue;
    if (wanted == route.method) return &route;
    if (!allowed->empty()) *allowed += ", ";
    *allowed += route.method;
  }
  if (allowed->empty())
    return ApiError{.status = 404, .message = fmt::format("no such path: {}", Quote(path))};
  return ApiError{
      .status = 405,
      .message = fmt::format("{}: found method {}, expected {}", path, Quote(method), *allowed)};
}

}  // namespace hadal::server
