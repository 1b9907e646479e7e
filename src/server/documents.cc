#include "server/documents.h"

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "server/api_error.h"

namespace hadal::server {
namespace {

// Whether a header like `"a", W/"b"` or `*` names the tag.
bool Names(std::string_view header, std::string_view etag) {
  return header == "*" || header.find(etag) != std::string_view::npos;
}

// A document that is made: once, and kept.
class Made {
 public:
  explicit Made(std::function<Result<std::string>()> make) : make_(std::move(make)) {}

  // Makes what is not there yet; the others wait meanwhile. An error is not kept.
  Status Ready() {
    const std::lock_guard lock(mutex_);
    if (!etag_.empty()) return Unit{};
    HADAL_TRY(bytes_, make_());
    etag_ = fmt::format("\"{:016x}\"", std::hash<std::string>()(bytes_));
    return Unit{};
  }
  const std::string& bytes() const { return bytes_; }  // once Ready
  const std::string& etag() const { return etag_; }

 private:
  const std::function<Result<std::string>()> make_;
  std::mutex mutex_;
  std::string bytes_, etag_;
};

void Send(const Document& document, std::string_view bytes, const std::string& etag,
          const ExchangePtr& exchange) {
  HttpResponse response{.content_type = document.content_type, .headers = document.headers};
  if (!etag.empty()) {
    response.headers.push_back({"etag", etag});
    if (Names(exchange->request().Find("if-none-match"), etag)) {
      response.status = 304;
      return exchange->Send(std::move(response));
    }
  }
  response.body = bytes;
  exchange->Send(std::move(response));
}

void AddMade(Routes* routes, const Document& document) {
  const auto made = std::make_shared<Made>(document.make);
  routes->Add({.method = "GET",
               .path = document.path,
               .handler =
                   [document, made](const ExchangePtr& exchange) {
                     const Status ready = made->Ready();
                     if (ready.ok()) return Send(document, made->bytes(), made->etag(), exchange);
                     const HttpRequest& request = exchange->request();
                     exchange->Send(ErrorResponse({.status = 500, .message = ready.error().what},
                                                  ShapeOf(request), request.id));
                   },
               .open = document.open,
               .on_worker = true});
}

}  // namespace

void AddDocuments(Routes* routes, const std::vector<Document>& documents) {
  for (const Document& document : documents) {
    if (document.make) {
      AddMade(routes, document);
      continue;
    }
    routes->Add({.method = "GET",
                 .path = document.path,
                 .handler =
                     [document](const ExchangePtr& exchange) {
                       Send(document, document.bytes, document.etag, exchange);
                     },
                 .open = document.open});
  }
}

}  // namespace hadal::server
