// Which handler a path and a method have. Clients call the same endpoint by several paths (with and
// without /v1, under /beta or /anthropic): aliases are entries of the table.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"
#include "server/http.h"

namespace hadal::server {

struct Route {
  const char* method;  // "GET" answers HEAD too
  std::string path;    // one that ends with "/*" takes everything below it
  std::function<void(const ExchangePtr&)> handler;
  bool open = false;       // without an API key
  bool on_worker = false;  // may take longer than a moment
};

class Routes {
 public:
  void Add(Route route) { routes_.push_back(std::move(route)); }

  // 404 names the path, 405 the methods (for the header Allow: `allowed`).
  ApiResult<const Route*> Find(std::string_view method, std::string_view path,
                               std::string* allowed) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace hadal::server
