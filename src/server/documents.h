// Documents that the server gives out besides its API: the page's files, and what the page asks for
// that is none of the API's. Who starts the server says which (cli/serve_page.h).
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "server/http.h"
#include "server/routes.h"

namespace hadal::server {

struct Document {
  std::string path;  // "/app.js"
  std::string content_type;
  std::string etag = {};  // of `bytes`, with its quotes
  std::vector<Header> headers = {};
  bool open = false;  // without an API key, as what a browser loads to ask for one must be
  std::string_view bytes = {};  // the body, which outlives the server; or else:
  // Makes it, on a worker's thread, when it is first asked for: it does not change.
  std::function<Result<std::string>()> make = {};
};

// A request whose If-None-Match is the ETag gets 304 and no body.
void AddDocuments(Routes* routes, const std::vector<Document>& documents);

}  // namespace hadal::server
