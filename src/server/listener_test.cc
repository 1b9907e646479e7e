// The listener over real sockets: what is HTTP, what is not, who is slow, who goes.
#include "server/listener.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>

#include "server/socket_client_test.h"

namespace hadal::server {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  void Start(ListenerOptions options = {}) {
    options.port = 0;
    auto opened = Listener::Open(
        loop_, options, [this](const ExchangePtr& exchange) { handler_(exchange); },
        [](int status, const std::string& message, const HttpRequest& known) {
          return HttpResponse{.status = status, .body = message + " at " + known.path};
        });
    ASSERT_TRUE(opened.ok()) << opened.error().what;
    listener_ = std::move(*opened);
    port_ = listener_->port();
    thread_ = std::thread([this] { loop_.Run(); });
  }
  void TearDown() override {
    loop_.Stop();
    if (thread_.joinable()) thread_.join();
  }
  std::string Ask(std::string_view request) {
    SocketClient client(port_);
    client.Send(request);
    return client.ReadAll();
  }

  std::function<void(const ExchangePtr&)> handler_ = [](const ExchangePtr& exchange) {
    const HttpRequest& r = exchange->request();
    exchange->Send({.body = r.method + " " + r.path + " " + r.query + " " + r.body});
  };
  Loop loop_{1};
  std::unique_ptr<Listener> listener_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

constexpr std::string_view kClose = "connection: close\r\n\r\n";

TEST_F(ListenerTest, ReadsRequestsAndAnswers) {
  Start();
  const std::string answer =
      Ask("POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nPOST /a b=c abc")) << answer;
}

TEST_F(ListenerTest, AConnectionHasManyRequestsOneAfterTheOther) {
  Start();
  SocketClient client(port_);
  std::string ahead;
  for (int i = 0; i < 50; ++i) ahead += fmt::format("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", i);
  client.Send(ahead);
  for (int i = 0; i < 50; ++i) {
    const std::string end = fmt::format("GET /{}  ", i);
    EXPECT_TRUE(client.ReadUntil(end).ends_with(end)) << i;
  }
}

TEST_F(ListenerTest, BodiesInPiecesAndChunks) {
  Start();
  SocketClient client(port_);
  client.Send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  for (const char* piece : {"3\r\nab", "c\r\n2", "\r\nde\r\n", "0\r\n\r\n"}) client.Send(piece);
  EXPECT_TRUE(client.ReadAll().ends_with("POST /  abcde"));
}

TEST_F(ListenerTest, ClientsThatAskBeforeTheySendAreToldToGoOn) {
  Start();
  SocketClient client(port_);
  client.Send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
      "Connection: close\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ab");
  EXPECT_TRUE(client.ReadAll().ends_with("POST /  ab"));
}

TEST_F(ListenerTest, WhatIsNotHttpIsRefused) {
  Start({.header_bytes = 1024, .body_bytes = 100});
  const std::pair<std::string, const char*> cases[] = {
      {"GARBAGE\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/1.1\r\nbad header\r\n\r\n", "HTTP/1.1 400"},
      {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       "HTTP/1.1 400"},
      {"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", "HTTP/1.1 413"},
      {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/1.1\r\nx: " + std::string(2000, 'a') + "\r\n\r\n", "HTTP/1.1 431"},
  };
  for (const auto& [request, status] : cases) {
    const std::string answer = Ask(request);
    EXPECT_TRUE(answer.starts_with(status)) << request << "\n" << answer;
    EXPECT_NE(answer.find(kClose.substr(0, 17)), std::string::npos);
  }
  EXPECT_TRUE(
      Ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200"));
}

TEST_F(ListenerTest, WhatHttpAsksOfServers) {
  Start();
  const std::string chunks = "Connection: close\r\n\r\n1\r\na\r\n0\r\n\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
      {"GET http://x/ HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
      {"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "HTTP/1.1 200"},
      {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200"},
      {"\r\n\r\nGET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + chunks, "HTTP/1.1 200"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n" + chunks,
       "HTTP/1.1 501"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n"
       "Transfer-Encoding: chunked\r\n" +
           chunks,
       "HTTP/1.1 501"},
      {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501"},
      {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\na", "HTTP/1.1 200"}};
  for (const auto& [request, status] : cases)
    EXPECT_TRUE(Ask(request).starts_with(status)) << request << "\n" << Ask(request);
}

TEST_F(ListenerTest, OldClientsWaitForNoLeaveAndMayKeepTheirConnection) {
  Start();
  SocketClient client(port_);
  client.Send(
      "POST /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n"
      "Expect: 100-continue\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  client.Send("b");
  const std::string first = client.ReadUntil("POST /a  b");
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200")) << first;
  EXPECT_NE(first.find("connection: keep-alive\r\n"), std::string::npos) << first;
  // Half of an empty line, then the rest and a request.
  client.Send("\r");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  client.Send("\nGET /c HTTP/1.0\r\n\r\n");
  const std::string second = client.ReadAll();
  EXPECT_TRUE(second.ends_with("GET /c  ")) << second;
  EXPECT_NE(second.find(kClose), std::string::npos) << second;
}

TEST_F(ListenerTest, PathsHaveNoEscapesButOfWhatWouldDivideThem) {
  Start();
  const auto ask = [&](const std::string& target) {
    return Ask("GET " + target + " HTTP/1.0\r\n\r\n");
  };
  const std::pair<const char*, const char*> cases[] = {{"/v1/m%6Fdels", "GET /v1/models  "},
                                                       {"/a%5b1m%5D?b%20", "GET /a[1m] b%20 "},
                                                       {"/a%2fb/..%2F..", "GET /a%2Fb/..%2F..  "},
                                                       {"/%252F%25", "GET /%252F%25  "},
                                                       {"/%C3%A9", "GET /\xC3\xA9  "},
                                                       {"http://h/%41", "GET /A  "}};
  for (const auto& [target, says] : cases)
    EXPECT_TRUE(ask(target).ends_with(says)) << target << "\n" << ask(target);
  for (const char* wrong : {"/%", "/%4", "/%zz", "/%4 ", "/%+1", "/%00", "/%0a", "/%7F"})
    EXPECT_TRUE(ask(wrong).starts_with("HTTP/1.1 400")) << wrong;
}

TEST_F(ListenerTest, WhatIsRefusedIsKnownByItsPath) {
  Start({.header_bytes = 1024, .body_bytes = 100, .header_seconds = 1, .body_seconds = 1});
  for (const std::string& rest :
       std::vector<std::string>{"Content-Length: 101\r\n\r\n", "bad header\r\n\r\n",
                                "Content-Length: 9\r\n\r\nabc", "Content-Le"})
    EXPECT_TRUE(Ask("POST /v1/x?y HTTP/1.1\r\n" + rest).ends_with(" at /v1/x")) << rest;
  const std::string large = "POST /v1/x HTTP/1.1\r\nx: " + std::string(2000, 'a') + "\r\n\r\n";
  EXPECT_TRUE(Ask(large).ends_with(" at /v1/x"));
  EXPECT_TRUE(Ask("GARBAGE\r\n\r\n").ends_with(" at "));
}

TEST_F(ListenerTest, WhoIsSlowIsSentAway) {
  Start({.header_seconds = 1, .body_seconds = 1});
  EXPECT_TRUE(Ask("GET / HT").starts_with("HTTP/1.1 408"));
  EXPECT_TRUE(Ask("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc").starts_with("HTTP/1.1 408"));
}

TEST_F(ListenerTest, IdleConnectionsAreClosed) {
  Start({.idle_seconds = 1});
  EXPECT_EQ(Ask(""), "");
}

TEST_F(ListenerTest, StreamsComeInChunksAndEnd) {
  handler_ = [](const ExchangePtr& exchange) {
    exchange->Begin({.content_type = "text/event-stream"});
    exchange->Write("abc");
    exchange->Write("de");
    exchange->End();
  };
  Start();
  SocketClient client(port_);
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadUntil("0\r\n\r\n");
  EXPECT_NE(answer.find("transfer-encoding: chunked\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) << answer;
  EXPECT_TRUE(Ask("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nabcde"));
}

TEST_F(ListenerTest, AStreamThatIsCutHasNoEnd) {
  handler_ = [](const ExchangePtr& exchange) {
    exchange->Begin({});
    exchange->Write("abc");
    exchange->Abort();
  };
  Start();
  EXPECT_TRUE(Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("3\r\nabc\r\n"));
}

TEST_F(ListenerTest, AClientThatGoesIsNoticedAtOnce) {
  std::atomic<bool> asked = false, gone = false;
  ExchangePtr kept;
  handler_ = [&](const ExchangePtr& exchange) {
    kept = exchange;
    exchange->Watch([&] { gone = true; }, [] {});
    asked = true;
  };
  Start();
  SocketClient client(port_);
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (!asked) std::this_thread::yield();
  EXPECT_FALSE(gone);
  client.Close();
  for (int i = 0; i < 2000 && !gone; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(gone);
}

TEST_F(ListenerTest, AReaderOfAStreamThatGoesIsNoticedBeforeItGoesOn) {
  std::atomic<bool> asked = false, gone = false;
  ExchangePtr kept;
  handler_ = [&](const ExchangePtr& exchange) {
    kept = exchange;
    exchange->Begin({.content_type = "text/event-stream"});
    exchange->Watch([&] { gone = true; }, [] {});
    asked = true;
  };
  Start();
  SocketClient client(port_);
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.ReadUntil("\r\n\r\n");
  client.Close();
  for (int i = 0; i < 2000 && !gone; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(gone);
}

// As `nc -N` does.
TEST_F(ListenerTest, WhoHasSentAllIsStillAnswered) {
  std::atomic<bool> gone = false;
  std::vector<std::thread> answering;
  handler_ = [&](const ExchangePtr& exchange) {
    const std::string& path = exchange->request().path;
    if (path == "/now") return exchange->Send({.body = "now"});
    if (path != "/later") exchange->Watch([&] { gone = true; }, [] {});
    if (path == "/stream") exchange->Begin({.content_type = "text/event-stream"});
    answering.emplace_back([exchange, stream = path == "/stream"] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      if (!stream) return exchange->Send({.body = "later"});
      exchange->Write("data: later\n\n");
      exchange->End();
    });
  };
  Start();
  const auto ask = [&](const std::string& requests) {
    SocketClient client(port_);
    client.Send(requests);
    client.EndSending();
    return client.ReadAll();
  };
  const std::string now = "GET /now HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string later = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_TRUE(ask(now).ends_with("now"));
  EXPECT_TRUE(ask(later).ends_with("later"));
  EXPECT_TRUE(ask(later + now).ends_with("now"));
  EXPECT_TRUE(ask(now + "GET /no").ends_with("now"));
  // What is computed too: who reads passes over what is sent to see whether he has gone.
  const std::string computed = ask("GET /computed HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(computed.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")) << computed;
  EXPECT_TRUE(computed.ends_with("later")) << computed;
  const std::string stream = ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(stream.find("3\r\n:\n\n\r\n"), stream.npos) << stream;
  EXPECT_NE(stream.find("data: later\n\n"), stream.npos) << stream;
  EXPECT_TRUE(ask("GET /computed HTTP/1.0\r\n\r\n").ends_with("later"));
  EXPECT_FALSE(gone);
  for (std::thread& thread : answering) thread.join();
}

TEST_F(ListenerTest, ATargetMayBeAWholeUri) {
  handler_ = [](const ExchangePtr& exchange) {
    const HttpRequest& r = exchange->request();
    exchange->Send({.body = fmt::format("{} {} {}", r.Find("host"), r.path, r.query)});
  };
  Start();
  const auto ask = [&](const std::string& target) {
    return Ask("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  };
  EXPECT_TRUE(ask("http://localhost:80/v1/models?a=b").ends_with("localhost:80 /v1/models a=b"));
  EXPECT_TRUE(ask("HTTP://evil.example").ends_with("evil.example / "));
  EXPECT_TRUE(ask("http://h?a").ends_with("h / a"));
  EXPECT_TRUE(ask("/http://h/").ends_with("x /http://h/ "));
}

TEST_F(ListenerTest, WhoTakesNothingIsDropped) {
  std::atomic<bool> gone = false;
  handler_ = [&](const ExchangePtr& exchange) {
    exchange->Begin({});
    exchange->Watch([&] { gone = true; }, [] {});
    for (int i = 0; i < 100; ++i) exchange->Write(std::string(1 << 20, 'x'));
    EXPECT_GT(exchange->unsent(), std::size_t{50} << 20);
  };
  Start({.write_seconds = 1});
  SocketClient client(port_);
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 500 && !gone; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(gone);
}

TEST_F(ListenerTest, ManyConnectionsAreRefusedNotServed) {
  Start({.max_connections = 2});
  SocketClient first(port_), second(port_);
  for (SocketClient* client : {&first, &second}) {
    client->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(client->ReadUntil("GET /  "), "");
  }
  EXPECT_EQ(Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
  first.Close();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_NE(Ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "");
}

// For want of memory, say: of two, one handler throws, and one lets the exchange go.
TEST_F(ListenerTest, WhomNobodyAnswersIsToldSo) {
  std::atomic<int> asked{0};
  handler_ = [&](const ExchangePtr& exchange) {
    const int number = ++asked;
    if (number == 1) throw std::bad_alloc();
    if (number == 3) exchange->Send({.body = "here"});
  };
  Start();
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    const std::string answer = Ask(request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
    EXPECT_NE(answer.find("no memory"), std::string::npos) << answer;
  }
  SocketClient client(port_);
  client.Send(request);
  EXPECT_TRUE(client.ReadUntil("here").ends_with("here"));
}

TEST(Listener, AddressesThatAreNoneAreNamed) {
  Loop loop(1);
  const auto open = [&](ListenerOptions options) { return Listener::Open(loop, options, {}, {}); };
  const auto unknown = open({.host = "256.1.1.1"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().what.find("256.1.1.1"), std::string::npos);
  auto first = open({.port = 0});
  ASSERT_TRUE(first.ok());
  const auto second = open({.port = (*first)->port()});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kIo);
}

}  // namespace
}  // namespace hadal::server
