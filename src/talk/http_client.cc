#include "talk/http_client.h"

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace hadal::talk {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

http::request<http::string_body> RequestOf(const HttpCall& call) {
  http::request<http::string_body> request(call.body.empty() ? http::verb::get : http::verb::post,
                                           call.target, 11);
  request.set(http::field::host, call.host + ":" + call.port);
  request.set(http::field::user_agent, "hadal");
  request.set(http::field::connection, "close");
  if (!call.api_key.empty()) request.set(http::field::authorization, "Bearer " + call.api_key);
  if (!call.body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = call.body;
  request.prepare_payload();
  return request;
}

}  // namespace

Result<unsigned> Http(const HttpCall& call, const std::atomic<bool>* stop,
                      const std::function<void(std::string_view)>& on_body) {
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  error_code error;
  const auto stopped = [&] { return stop != nullptr && stop->load(std::memory_order_relaxed); };
  const auto failed = [&](const char* at) {
    if (stopped()) return Fail(Code::kCancelled, "stopped");
    return Fail(Code::kIo, "{}:{}: {}: {}", call.host, call.port, at, error.message());
  };
  asio::ip::tcp::resolver resolver(context);
  const auto places = resolver.resolve(call.host, call.port, error);
  if (error) return failed("no such host");
  asio::connect(socket, places, error);
  if (error) return failed("cannot connect");
  http::write(socket, RequestOf(call), error);
  if (error) return failed("cannot send");

  boost::beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  http::read_header(socket, buffer, parser, error);
  if (error) return failed("no answer");
  std::array<char, 16384> piece{};
  while (!parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    http::read_some(socket, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error || stopped()) return failed("the answer breaks off");
    on_body({piece.data(), piece.size() - parser.get().body().size});
  }
  return parser.get().result_int();
}

}  // namespace hadal::talk
