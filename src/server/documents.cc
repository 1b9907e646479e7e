#include "server/documents.h"

#include <utility>

#include "server/api_error.h"

namespace hadal::server {
namespace {

// Whether a header like `"a", W/"b"` or `*` names the tag.
bool Names(std::string_view header, std::string_view etag) {
  return header == "*" || header.find(etag) != std::string_view::npos;
}

void Send(const Document& document, const ExchangePtr& exchange) {
  const HttpRequest& request = exchange->request();
  HttpResponse response{.content_type = document.content_type, .headers = document.headers};
  if (!document.etag.empty()) {
    response.headers.push_back({"etag", document.etag});
    if (Names(request.Find("if-none-match"), document.etag)) {
      response.status = 304;
      return exchange->Send(std::move(response));
    }
  }
  if (document.make) {
    Result<std::string> made = document.make();
    if (!made.ok())
      return exchange->Send(ErrorResponse({.status = 500, .message = made.error().what},
                                          ShapeOf(request.path), request.id));
    response.body = std::move(made).value();
  } else {
    response.body = document.bytes;
  }
  exchange->Send(std::move(response));
}

}  // namespace

void AddDocuments(Routes* routes, const std::vector<Document>& documents) {
  for (const Document& document : documents)
    routes->Add({.method = "GET",
                 .path = document.path,
                 .handler = [document](const ExchangePtr& exchange) { Send(document, exchange); },
                 .open = document.open,
                 .on_worker = document.make != nullptr});
}

}  // namespace hadal::server
