// One connection, for listener.cc and session.cc alone: it costs the compiler seconds.
#pragma once
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/listener.h"

namespace hadal::server {

using Tcp = boost::asio::ip::tcp;
using Clock = std::chrono::steady_clock;

class Session;

// What the sessions of a listener share.
struct SessionHost {
  ListenerOptions options;
  Listener::Handler handler;
  Listener::ErrorBody error_body;
  std::function<void(Session*)> closed;
  bool closing = false;               // answers end their connections
  std::uint64_t receiving_bytes = 0;  // of all requests that are not answered yet
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, std::shared_ptr<SessionHost> host);

  void Start();
  void Check(Clock::time_point now);  // ends what has taken too long
  void Close();
  bool idle() const { return exchange_ == nullptr && parser_ == nullptr && out_.empty(); }

 private:
  class Answer;  // the Exchange
  using ErrorCode = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  template <class F>
  void Guarded(F&& f) noexcept;
  void GiveUp() noexcept;
  void ReadMore();
  void OnReadable();
  void OnEnded();
  bool SkipEmptyLines();
  void Feed();
  void AwaitMore();
  void Dispatch();
  HttpRequest TakeRequest();
  HttpRequest Known() const;
  void Refuse(int status, const std::string& message);
  void Refuse(int status, const std::string& message, const HttpRequest& known);

  void Send(const HttpResponse& response);
  void Begin(const HttpResponse& head);
  void WritePiece(const std::string& data);
  void Complete();
  std::string Head(const HttpResponse& response, const std::string& framing) const;
  void Queue(std::string data);
  void WriteSome();
  void OnWritten(const ErrorCode& error, std::size_t size);
  void OnDrained();
  void FinishAnswer();
  void Linger();

  Tcp::socket socket_;
  std::shared_ptr<SessionHost> host_;
  std::string peer_;
  Clock::time_point deadline_ = kNever, write_deadline_ = kNever;
  bool closed_ = false, waiting_ = false, lingering_ = false;
  bool ended_ = false;  // the client sends no more, and reads its answer, for all that is known

  std::string buffer_;  // received and not parsed
  std::unique_ptr<Parser> parser_;
  bool continued_ = false;            // "100 Continue" was sent
  std::uint64_t received_bytes_ = 0;  // of this request, counted in the host

  std::shared_ptr<Answer> exchange_;  // the request that is being answered
  bool keep_alive_ = false, head_only_ = false, chunked_ = false;
  bool begun_ = false, complete_ = false;  // the answer is on its way, and all of it
  bool events_ = false;                    // which is a stream of server-sent events

  std::deque<std::string> out_;
  std::size_t out_offset_ = 0;  // of the first, sent
  std::size_t out_bytes_ = 0;   // of all, not sent
  bool writing_ = false;
};

}  // namespace hadal::server
