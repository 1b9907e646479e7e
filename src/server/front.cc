#include "server/front.h"

#include <atomic>
#include <utility>

#include "base/clock.h"
#include "base/exceptions.h"
#include "base/quote.h"

namespace hadal::server {
namespace {

using OnAnswered = std::function<void(const AnsweredRequest&)>;

// The exchange with the headers that every answer has, and a note when it is over.
class NotedExchange : public Exchange {
 public:
  NotedExchange(ExchangePtr inner, std::vector<Header> headers, OnAnswered on_answered)
      : inner_(std::move(inner)),
        headers_(std::move(headers)),
        on_answered_(std::move(on_answered)) {}
  ~NotedExchange() override { Note(499); }

  const HttpRequest& request() const override { return inner_->request(); }
  void Send(HttpResponse response) override {
    const int status = response.status;
    inner_->Send(WithHeaders(std::move(response)));
    Note(status);
  }
  void Begin(HttpResponse head) override {
    status_ = head.status;
    inner_->Begin(WithHeaders(std::move(head)));
  }
  void Write(std::string data) override { inner_->Write(std::move(data)); }
  void End() override {
    inner_->End();
    Note(status_);
  }
  void Abort() override {
    inner_->Abort();
    Note(status_);
  }
  std::size_t unsent() const override { return inner_->unsent(); }
  void Watch(std::function<void()> gone, std::function<void()> drained) override {
    inner_->Watch(std::move(gone), std::move(drained));
  }
  void OnWorker() { on_worker_ = true; }

 private:
  HttpResponse WithHeaders(HttpResponse response) const {
    response.headers.insert(response.headers.end(), headers_.begin(), headers_.end());
    return response;
  }
  // No memory for a line in the log ends nothing.
  void Note(int status) noexcept {
    if (noted_.exchange(true)) return;
    (void)Caught([&] {
      const HttpRequest& r = request();
      on_answered_({r.method, r.path, r.id, r.peer, status, clock_.seconds(), on_worker_});
    });
  }

  ExchangePtr inner_;
  std::vector<Header> headers_;
  OnAnswered on_answered_;
  Stopwatch clock_;
  bool on_worker_ = false;  // known before there is anything to note
  std::atomic<int> status_{200};
  std::atomic<bool> noted_{false};
};

bool IsJson(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return Lower(type) == "application/json";
}

void Run(const Route& route, const ExchangePtr& exchange) {
  const Status done = Caught([&]() -> Status {
    route.handler(exchange);
    return Unit{};
  });
  if (done.ok()) return;
  exchange->Send(
      ErrorResponse(FromError(done.error()), ShapeOf(exchange->request()), exchange->request().id));
}

}  // namespace

Front::Front(Loop& loop, FrontOptions options, Routes routes, OnAnswered on_answered)
    : loop_(loop),
      options_(std::move(options)),
      origin_(options_.origin),
      routes_(std::move(routes)),
      on_answered_(std::move(on_answered)) {}

ApiResult<const Route*> Front::Admit(const HttpRequest& request, std::string* allowed) const {
  HADAL_TRY_STATUS(origin_.Check(request));
  HADAL_TRY(const Route* route, routes_.Find(request.method, request.path, allowed));
  if (route->open) return route;
  if (!options_.keys.Allows(request))
    return ApiError{.status = 401,
                    .message = "wrong or no API key; send it as 'Authorization: Bearer KEY'",
                    .code = "invalid_api_key"};
  if (kept_out_) return *kept_out_;
  const std::string_view encoding = request.Find("content-encoding");
  if (!encoding.empty() && Lower(encoding) != "identity")
    return ApiError{
        .status = 415,
        .message = fmt::format("Content-Encoding: found {}, expected none", Quote(encoding))};
  const std::string_view type = request.Find("content-type");
  if (request.method == "POST" && !type.empty() && !IsJson(type))
    return ApiError{
        .status = 415,
        .message = fmt::format("Content-Type: found {}, expected application/json", Quote(type))};
  return route;
}

void Front::Handle(const ExchangePtr& plain) {
  const HttpRequest& request = plain->request();
  std::vector<Header> headers = origin_.CorsHeaders(request);
  for (Header& header : IdHeaders(request)) headers.push_back(std::move(header));
  const auto exchange = std::make_shared<NotedExchange>(plain, std::move(headers), on_answered_);
  if (auto preflight = origin_.Preflight(request)) return exchange->Send(std::move(*preflight));
  std::string allowed;
  const auto route = Admit(request, &allowed);
  if (!route.ok()) {
    HttpResponse refusal = ErrorResponse(route.error(), ShapeOf(request), request.id);
    if (!allowed.empty() && refusal.status == 405) refusal.headers.push_back({"allow", allowed});
    return exchange->Send(std::move(refusal));
  }
  const Route* found = *route;
  if (!found->on_worker) return Run(*found, exchange);
  exchange->OnWorker();
  loop_.Work([found, exchange] { Run(*found, exchange); });
}

}  // namespace hadal::server
