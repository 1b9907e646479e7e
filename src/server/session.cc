#include "server/session.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/exceptions.h"
#include "base/log.h"
#include "base/quote.h"
#include "server/ids.h"

namespace hadal::server {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kReadBytes = std::size_t{64} << 10, kAheadBytes = std::size_t{64} << 10;
constexpr std::size_t kJoinBytes = std::size_t{16} << 10;  // small pieces leave together
constexpr int kLingerSeconds = 2;

// The target's path and query. Of one that is a whole URI, which proxies are sent, its authority is
// the host, whatever the header says.
// Source: RFC 9112, 3.2.2.
void SetTarget(std::string_view target, HttpRequest* request) {
  constexpr std::string_view kScheme = "http://";
  if (Lower(target.substr(0, kScheme.size())) == kScheme) {
    target.remove_prefix(kScheme.size());
    const std::string_view authority = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(authority.size());
    const auto host = std::ranges::find(request->headers, "host", &Header::name);
    if (host != request->headers.end())
      host->value = std::string(authority);
    else
      request->headers.push_back({"host", std::string(authority)});
    if (!target.starts_with('/')) request->path = "/";
  }
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  request->path += WithoutEscapes(path).value_or(std::string(path));
  if (mark != target.npos) request->query = std::string(target.substr(mark + 1));
}

// Of headers that were not parsed: the lines that are whole, as far as they are headers.
void AddLines(std::string_view lines, std::vector<Header>* headers) {
  for (std::size_t end = 0; (end = lines.find("\r\n")) != lines.npos && end > 0;) {
    const std::string_view line = lines.substr(0, end);
    const std::size_t colon = line.find(':');
    const std::size_t begin = line.find_first_not_of(" \t", std::min(colon, end - 1) + 1);
    constexpr std::string_view kNone("\r\n\0", 3);  // such a value is none
    if (colon != line.npos && begin != line.npos && line.find_first_of(kNone) == line.npos)
      headers->push_back({Lower(line.substr(0, colon)), std::string(line.substr(begin))});
    lines.remove_prefix(end + 2);
  }
}

struct Refusal {
  int status;
  std::string message;
};
Refusal RefusalOf(const ErrorCode& error, const ListenerOptions& options) {
  if (error == http::error::body_limit)
    return {413, fmt::format("the body has more than {} bytes (--max-body)", options.body_bytes)};
  if (error == http::error::header_limit)
    return {431, fmt::format("the headers have more than {} bytes", options.header_bytes)};
  return {400, "the request is not HTTP: " + error.message()};
}

// Of a request that the parser lets pass.
// Source: RFC 9112, 3.2, 6.1.
template <class Message>
std::optional<Refusal> RefusalOf(const Message& message) {
  std::string coding;
  for (const auto& field : message)
    if (field.name() == http::field::transfer_encoding)
      coding += (coding.empty() ? "" : ", ") + Lower(field.value());
  const bool newer = message.version() >= 11;  // than HTTP/1.0
  if (!coding.empty() && (coding != "chunked" || !newer))
    return Refusal{
        newer ? 501 : 400,
        fmt::format("Transfer-Encoding: found {}, expected chunked, of HTTP/1.1", Quote(coding))};
  if (newer && message.count(http::field::host) == 0)
    return Refusal{400, "Host: found none, expected the server's name"};
  const std::string_view target = message.target();
  if (!WithoutEscapes(target.substr(0, target.find('?'))))
    return Refusal{400, fmt::format("the path: found {}, expected %XX, of no control character, "
                                    "behind every %",
                                    Quote(target))};
  return std::nullopt;
}

}  // namespace

// Calls come from any thread and are carried out on the loop's.
class Session::Answer : public Exchange, public std::enable_shared_from_this<Session::Answer> {
 public:
  Answer(std::shared_ptr<Session> session, HttpRequest request)
      : session_(std::move(session)), request_(std::move(request)) {}

  const HttpRequest& request() const override { return request_; }
  void Send(HttpResponse response) override {
    On([response = std::move(response)](Session& session) { session.Send(response); });
  }
  void Begin(HttpResponse head) override {
    On([head = std::move(head)](Session& session) { session.Begin(head); });
  }
  void Write(std::string data) override {
    On([data = std::move(data)](Session& session) { session.WritePiece(data); });
  }
  void End() override {
    On([](Session& session) {
      if (session.chunked_) session.Queue("0\r\n\r\n");
      session.Complete();
    });
  }
  void Abort() override {
    On([](Session& session) {
      session.keep_alive_ = false;
      session.Complete();
    });
  }
  std::size_t unsent() const override { return unsent_; }
  void Watch(std::function<void()> gone, std::function<void()> drained) override {
    On([gone = std::move(gone), drained = std::move(drained), self = shared_from_this()](Session&) {
      self->gone_ = gone;
      self->drained_ = drained;
    });
    // A client that went before is told of too.
    boost::asio::dispatch(session_->socket_.get_executor(), [self = shared_from_this(), this] {
      if (left_ && !told_) TellGone();
    });
  }

  void TellGone() {
    left_ = true;
    const auto gone = std::exchange(gone_, nullptr);
    drained_ = nullptr;
    if (gone) {
      told_ = true;
      gone();
    }
  }
  void TellQueued(std::size_t bytes) { unsent_ = bytes; }
  void TellUnsent(std::size_t bytes) {
    unsent_ = bytes;
    if (bytes == 0 && drained_) drained_();
  }
  void Forget() { gone_ = drained_ = nullptr; }

 private:
  template <class F>
  void On(F task) {
    boost::asio::dispatch(session_->socket_.get_executor(),
                          [self = shared_from_this(), task = std::move(task)] {
                            Session& session = *self->session_;
                            if (session.exchange_ == self) session.Guarded([&] { task(session); });
                          });
  }

  std::shared_ptr<Session> session_;
  const HttpRequest request_;
  std::function<void()> gone_, drained_;
  bool left_ = false, told_ = false;
  std::atomic<std::size_t> unsent_{0};
};

Session::Session(Tcp::socket socket, std::shared_ptr<SessionHost> host)
    : socket_(std::move(socket)), host_(std::move(host)) {
  ErrorCode error;
  const Tcp::endpoint peer = socket_.remote_endpoint(error);
  if (!error) peer_ = fmt::format("{}:{}", peer.address().to_string(), peer.port());
  socket_.set_option(Tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
}

void Session::Start() {
  deadline_ = Clock::now() + std::chrono::seconds(host_->options.idle_seconds);
  Guarded([this] { ReadMore(); });
}

// f(); what it throws, as what finds no memory does, ends this connection and no other.
template <class F>
void Session::Guarded(F&& f) noexcept {
  if (!Caught(f).ok()) GiveUp();
}

// Nobody will answer what was asked: the client is told so, if there is memory for it and nothing
// has been said yet.
void Session::GiveUp() noexcept {
  const Status told = Caught([this] {
    if (closed_ || begun_ || !out_.empty()) return Close();
    constexpr const char* kWhy = "no memory for an answer; try again later";
    const auto exchange = std::exchange(exchange_, nullptr);
    if (exchange == nullptr) return Refuse(503, kWhy);
    exchange->TellGone();
    Refuse(503, kWhy, exchange->request());
  });
  if (!told.ok()) (void)Caught([this] { Close(); });
}

void Session::Check(Clock::time_point now) {
  if (exchange_ && !complete_ && exchange_.use_count() == 1) return GiveUp();
  if (now >= write_deadline_) {
    spdlog::info("dropped peer={} why=\"takes nothing\"", peer_);
    return Close();
  }
  if (now < deadline_) return;
  if (parser_ != nullptr && !lingering_ && out_.empty())
    return Refuse(408, "the request did not arrive in time");
  Close();
}

void Session::Close() {
  if (closed_) return;
  closed_ = true;
  const auto self = shared_from_this();
  ErrorCode ignored;
  socket_.close(ignored);
  host_->receiving_bytes -= std::exchange(received_bytes_, 0);
  const auto exchange = std::exchange(exchange_, nullptr);
  host_->closed(this);
  if (exchange) exchange->TellGone();
}

// No memory is kept for connections that send nothing: their socket is waited for, then read into
// one buffer of the thread.
void Session::ReadMore() {
  if (waiting_ || closed_ || (exchange_ && buffer_.size() >= kAheadBytes)) return;
  if (ended_ && !lingering_) return;
  socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    self->waiting_ = false;
    if (self->closed_) return;
    self->Guarded([&] { return error ? self->Close() : self->OnReadable(); });
  });
  waiting_ = true;
}

void Session::OnReadable() {
  static thread_local std::string incoming(kReadBytes, '\0');
  ErrorCode error;
  const std::size_t size = socket_.read_some(boost::asio::buffer(incoming), error);
  if (error == boost::asio::error::would_block) return ReadMore();
  if (error == boost::asio::error::eof && !lingering_) return OnEnded();
  if (error) return Close();
  if (!lingering_) {
    buffer_.append(incoming, 0, size);
    Feed();
  }
  ReadMore();
}

// The client sends no more. Whether it still reads, as `nc -N` does, only a byte to it tells: one
// that has gone answers with a reset. So it gets something that its protocol passes over, and a
// reset ends what is computed for it.
void Session::OnEnded() {
  ended_ = true;
  if (!exchange_) return Feed();  // what was sent ahead may be a whole request
  socket_.async_wait(Tcp::socket::wait_error, [self = shared_from_this()](ErrorCode error) {
    if (!error && !self->closed_) self->Guarded([&] { self->Close(); });
  });
  if (complete_) return;
  if (!begun_ && chunked_)
    Queue("HTTP/1.1 100 Continue\r\n\r\n");
  else if (begun_ && events_)
    WritePiece(":\n\n");
}

// Empty lines in front of a request, as some clients put behind a body, are passed over. False:
// nothing else has come yet.
// Source: RFC 9112, 2.2.
bool Session::SkipEmptyLines() {
  std::size_t size = 0;
  while (buffer_.compare(size, 2, "\r\n") == 0) size += 2;
  buffer_.erase(0, size);
  return !buffer_.empty() && buffer_ != "\r";
}

void Session::Feed() {
  while (!exchange_ && !closed_ && !lingering_ && !buffer_.empty()) {
    if (!parser_ && !SkipEmptyLines()) break;
    if (!parser_) {
      parser_ = std::make_unique<Parser>();
      parser_->eager(true);
      parser_->header_limit(static_cast<std::uint32_t>(host_->options.header_bytes));
      parser_->body_limit(host_->options.body_bytes);
      continued_ = false;
      deadline_ = Clock::now() + std::chrono::seconds(host_->options.header_seconds);
    }
    ErrorCode error;
    const std::size_t taken = parser_->put(boost::asio::buffer(buffer_), error);
    buffer_.erase(0, taken);
    received_bytes_ += taken;
    host_->receiving_bytes += taken;
    if (error && error != http::error::need_more) {
      const Refusal refusal = RefusalOf(error, host_->options);
      return Refuse(refusal.status, refusal.message);
    }
    if (host_->receiving_bytes > host_->options.all_body_bytes)
      return Refuse(503, "too many large requests at once; try again later");
    if (parser_->is_done())
      Dispatch();
    else if (error || taken == 0)
      break;
  }
  if (ended_ && !exchange_ && !lingering_) return Close();  // the rest will not come
  if (parser_ && !lingering_ && !closed_) AwaitMore();
}

void Session::AwaitMore() {
  if (!parser_->is_header_done()) return;  // its deadline counts from the first byte
  deadline_ = Clock::now() + std::chrono::seconds(host_->options.body_seconds);
  const auto& message = parser_->get();
  if (!continued_ && message.version() >= 11 &&
      Lower(message[http::field::expect]) == "100-continue") {
    continued_ = true;
    Queue("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

HttpRequest Session::TakeRequest() {
  HttpRequest request = Known();
  auto message = parser_->release();
  request.body = std::move(message.body());
  keep_alive_ = message.keep_alive() && !host_->closing;
  head_only_ = request.method == "HEAD";
  chunked_ = message.version() >= 11;
  return request;
}

void Session::Dispatch() {
  if (const auto refusal = RefusalOf(parser_->get()))
    return Refuse(refusal->status, refusal->message);
  HttpRequest request = TakeRequest();
  parser_.reset();
  deadline_ = kNever;
  complete_ = begun_ = events_ = false;
  exchange_ = std::make_shared<Answer>(shared_from_this(), std::move(request));
  const auto exchange = exchange_;  // the handler may answer at once
  host_->handler(exchange);
}

// All but the body. Headers are parsed when all are there; of a request that does not come so far,
// its first line has the target, and some that follow it are headers.
HttpRequest Session::Known() const {
  HttpRequest request{.peer = peer_};
  std::string_view target;
  if (parser_ != nullptr) {
    const auto& message = parser_->get();
    request.method = std::string(message.method_string());
    for (const auto& field : message)
      request.headers.push_back({Lower(field.name_string()), std::string(field.value())});
    target = message.target();
  }
  if (target.empty()) {
    const std::string_view line = std::string_view(buffer_).substr(0, buffer_.find("\r\n"));
    const std::size_t begin = std::min(line.find(' '), line.size());
    target = line.substr(begin);
    target.remove_prefix(std::min<std::size_t>(target.size(), 1));
    target = target.substr(0, target.find(' '));
    request.method = std::string(line.substr(0, begin));
    AddLines(std::string_view(buffer_).substr(std::min(line.size() + 2, buffer_.size())),
             &request.headers);
  }
  SetTarget(target, &request);
  request.id = RequestId(request.Find("x-request-id"));
  return request;
}

void Session::Refuse(int status, const std::string& message) { Refuse(status, message, Known()); }

void Session::Refuse(int status, const std::string& message, const HttpRequest& known) {
  keep_alive_ = head_only_ = false;
  HttpResponse response = host_->error_body(status, message, known);
  parser_.reset();
  deadline_ = kNever;
  Queue(Head(response, fmt::format("content-length: {}\r\n", response.body.size())) +
        response.body);
  complete_ = true;
  lingering_ = true;  // nothing more is parsed
}

std::string Session::Head(const HttpResponse& response, const std::string& framing) const {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, StatusText(response.status));
  if (!response.content_type.empty() && response.status != 204)
    head += "content-type: " + response.content_type + "\r\n";
  for (const Header& header : response.headers) head += header.name + ": " + header.value + "\r\n";
  // HTTP/1.0, whose answers have no chunks, ends connections unless it is told.
  const char* connection = !keep_alive_ ? "connection: close\r\n"
                           : chunked_   ? ""
                                        : "connection: keep-alive\r\n";
  return head + framing + connection + "\r\n";
}

void Session::Send(const HttpResponse& response) {
  const bool bodiless = response.status == 204 || response.status == 304;
  std::string out =
      Head(response, bodiless ? "" : fmt::format("content-length: {}\r\n", response.body.size()));
  if (!bodiless && !head_only_) out += response.body;
  Queue(std::move(out));
  begun_ = true;
  Complete();
}

void Session::Begin(const HttpResponse& head) {
  if (!chunked_) keep_alive_ = false;  // HTTP/1.0: the stream ends with the connection
  Queue(Head(head, chunked_ ? "transfer-encoding: chunked\r\n" : ""));
  begun_ = true;
  events_ = head.content_type.starts_with("text/event-stream");
}

void Session::WritePiece(const std::string& data) {
  if (data.empty() || head_only_) return;
  Queue(chunked_ ? fmt::format("{:x}\r\n", data.size()) + data + "\r\n" : data);
}

void Session::Complete() {
  complete_ = true;
  if (out_.empty()) FinishAnswer();
}

void Session::Queue(std::string data) {
  if (closed_ || data.empty()) return;
  out_bytes_ += data.size();
  if (exchange_) exchange_->TellQueued(out_bytes_);
  if (out_.size() > 1 && out_.back().size() < kJoinBytes)
    out_.back() += data;
  else
    out_.push_back(std::move(data));
  if (!writing_) WriteSome();
}

void Session::WriteSome() {
  write_deadline_ = Clock::now() + std::chrono::seconds(host_->options.write_seconds);
  socket_.async_write_some(boost::asio::buffer(out_.front()) + out_offset_,
                           [self = shared_from_this()](ErrorCode error, std::size_t size) {
                             self->writing_ = false;
                             if (self->closed_) return;
                             self->Guarded([&] { self->OnWritten(error, size); });
                           });
  writing_ = true;
}

void Session::OnWritten(const ErrorCode& error, std::size_t size) {
  if (error) return Close();
  out_offset_ += size;
  out_bytes_ -= size;
  if (out_offset_ == out_.front().size()) {
    out_.pop_front();
    out_offset_ = 0;
  }
  if (exchange_ && !complete_) exchange_->TellUnsent(out_bytes_);
  if (!out_.empty()) {
    if (!writing_) WriteSome();
    return;
  }
  write_deadline_ = kNever;
  OnDrained();
}

void Session::OnDrained() {
  if (lingering_) return Linger();
  if (complete_ && exchange_) FinishAnswer();
}

void Session::FinishAnswer() {
  begun_ = false;
  std::exchange(exchange_, nullptr)->Forget();
  host_->receiving_bytes -= std::exchange(received_bytes_, 0);
  if (!keep_alive_ || host_->closing || (ended_ && buffer_.empty())) return Linger();
  deadline_ = Clock::now() + std::chrono::seconds(host_->options.idle_seconds);
  // Not from here: a client that sends many requests ahead must not deepen the stack.
  boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->Guarded([&] {
      self->Feed();
      self->ReadMore();
    });
  });
}

// The answer is on its way. What the client still sends is read and dropped, so that its system
// does not throw the answer away with a reset.
void Session::Linger() {
  lingering_ = true;
  ErrorCode ignored;
  socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  deadline_ = Clock::now() + std::chrono::seconds(kLingerSeconds);
  ReadMore();
}

}  // namespace hadal::server
