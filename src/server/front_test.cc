// Who is let in, and what those get who are not.
#include "server/front.h"

#include <gtest/gtest.h>

#include "server/fake_exchange_test.h"

namespace hadal::server {
namespace {

struct Given {
  std::string method = "GET", path = "/open";
  std::vector<Header> headers = {{"host", "127.0.0.1:8080"}};
};

class FrontTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeExchange> Ask(Given given, FrontOptions options = {}) {
    Loop loop(1);
    Routes routes;
    const auto answer = [](const ExchangePtr& exchange) { exchange->Send({.body = "{}"}); };
    routes.Add({"GET", "/open", answer, true});
    routes.Add({"GET", "/closed", answer});
    routes.Add({"POST", "/closed", answer});
    routes.Add({"GET", "/folder/*", answer});
    routes.Add({"GET", "/throws", [](const ExchangePtr&) { throw std::bad_alloc(); }});
    Front front(loop, std::move(options), std::move(routes),
                [this](const AnsweredRequest& answered) { answered_.push_back(answered.status); });
    const auto exchange = std::make_shared<FakeExchange>(HttpRequest{
        .id = "req_1", .method = given.method, .path = given.path, .headers = given.headers});
    front.Handle(exchange);
    return exchange;
  }
  int StatusOf(Given given, FrontOptions options = {}) {
    return Ask(std::move(given), std::move(options))->head.status;
  }
  static FrontOptions WithKeys() { return {.keys = *ApiKeys::Create({"one", "two"})}; }

  std::vector<int> answered_;
};

TEST_F(FrontTest, AnswersHaveTheRequestsIdAndAreCountedOnce) {
  const auto exchange = Ask({});
  EXPECT_EQ(exchange->head.status, 200);
  EXPECT_EQ(exchange->Header("x-request-id"), "req_1");
  EXPECT_EQ(answered_, std::vector<int>{200});
}

TEST_F(FrontTest, PathsAndMethods) {
  EXPECT_EQ(StatusOf({.path = "/none"}), 404);
  EXPECT_EQ(StatusOf({.path = "/folder/"}), 404);
  EXPECT_EQ(StatusOf({.path = "/folder/x/y"}), 200);
  EXPECT_EQ(StatusOf({.path = "/closed/"}), 200);
  EXPECT_EQ(StatusOf({.method = "HEAD"}), 200);
  const auto exchange = Ask({.method = "DELETE", .path = "/closed"});
  EXPECT_EQ(exchange->head.status, 405);
  EXPECT_EQ(exchange->Header("allow"), "GET, POST");
}

TEST_F(FrontTest, KeysInBothHeaders) {
  const auto with = [&](const char* name, const char* value) {
    return StatusOf({.path = "/closed", .headers = {{"host", "localhost"}, {name, value}}},
                    WithKeys());
  };
  EXPECT_EQ(with("authorization", "Bearer two"), 200);
  EXPECT_EQ(with("authorization", "bearer one"), 200);
  EXPECT_EQ(with("authorization", "Bearer   one"), 200);
  EXPECT_EQ(with("authorization", "Bearer  "), 401);
  EXPECT_EQ(with("x-api-key", "one"), 200);
  EXPECT_EQ(with("authorization", "Bearer onetwo"), 401);
  EXPECT_EQ(with("authorization", "Bearer on"), 401);
  EXPECT_EQ(with("authorization", "one"), 401);
  EXPECT_EQ(with("x-api-key", ""), 401);
  EXPECT_EQ(StatusOf({}, WithKeys()), 200);  // open
  EXPECT_NE(Ask({.path = "/closed"}, WithKeys())->body.find("\"invalid_api_key\""),
            std::string::npos);
}

TEST_F(FrontTest, ForeignHostsAndPagesAreKeptOut) {
  const auto with = [&](std::vector<Header> headers, OriginOptions origin = {}) {
    return StatusOf({.headers = std::move(headers)}, {.keys = {}, .origin = std::move(origin)});
  };
  for (const char* host : {"localhost", "localhost:1", "LOCALHOST", "localhost.", "LocalHost.:80",
                           "127.0.0.1:80", "127.9.9.9", "[::1]:8"})
    EXPECT_EQ(with({{"host", host}}), 200) << host;
  for (const char* host : {"", "example.org", "localhost.example.org", "127.0.0.1.example.org",
                           "127.evil:80", "[::2]"})
    EXPECT_EQ(with({{"host", host}}), 403) << host;
  // No browser leaves it out.
  EXPECT_EQ(with({}), 200);
  EXPECT_EQ(with({{"origin", "null"}}), 403);
  EXPECT_EQ(with({{"origin", "http://"}}), 403);
  EXPECT_EQ(with({{"host", ""}, {"origin", "null"}}, {.loopback = false}), 403);
  EXPECT_EQ(with({{"host", "box:80"}}, {.hosts = {"box"}}), 200);
  EXPECT_EQ(with({{"host", "BOX"}}, {.hosts = {"Box"}}), 200);
  EXPECT_EQ(with({{"host", "localhost"}, {"host", "localhost"}}), 400);
  EXPECT_EQ(with({{"host", "localhost"}, {"host", "evil.example"}}), 400);
  EXPECT_EQ(with({{"host", "LocalHost:80"}, {"origin", "http://localhost:80"}}), 200);
  EXPECT_EQ(with({{"host", "example.org"}}, {.loopback = false}), 200);
  const auto from = [&](const char* origin, std::vector<std::string> allowed = {}) {
    return with({{"host", "localhost:8080"}, {"origin", origin}}, {.allowed = std::move(allowed)});
  };
  EXPECT_EQ(from("http://localhost:8080"), 200);
  EXPECT_EQ(from("http://localhost:8081"), 403);
  EXPECT_EQ(from("https://evil.example"), 403);
  EXPECT_EQ(from("null"), 403);
  EXPECT_EQ(from("https://good.example", {"https://good.example"}), 200);
  EXPECT_EQ(from("https://any.example", {"*"}), 200);
}

TEST_F(FrontTest, PagesThatAreLetInGetTheirHeaders) {
  const FrontOptions options{.keys = *ApiKeys::Create({"one"}),
                             .origin = {.allowed = {"https://good.example"}}};
  const Given preflight{.method = "OPTIONS",
                        .path = "/closed",
                        .headers = {{"host", "localhost"},
                                    {"origin", "https://good.example"},
                                    {"access-control-request-headers", "x-stainless-os"}}};
  const auto exchange = Ask(preflight, options);
  EXPECT_EQ(exchange->head.status, 204);
  EXPECT_EQ(exchange->Header("access-control-allow-origin"), "https://good.example");
  EXPECT_EQ(exchange->Header("access-control-allow-headers"), "x-stainless-os");
  Given foreign = preflight;
  foreign.headers[1].value = "https://evil.example";
  EXPECT_EQ(StatusOf(foreign, options), 403);
}

TEST_F(FrontTest, BodiesAreJson) {
  const auto with = [&](const char* type) {
    return StatusOf({.method = "POST",
                     .path = "/closed",
                     .headers = {{"host", "localhost"}, {"content-type", type}}});
  };
  EXPECT_EQ(with("application/json"), 200);
  EXPECT_EQ(with("application/json; charset=utf-8"), 200);
  EXPECT_EQ(with("Application/JSON"), 200);
  EXPECT_EQ(with("application/json ;charset=utf-8"), 200);
  EXPECT_EQ(with("text/plain"), 415);
  EXPECT_EQ(with("application/x-www-form-urlencoded"), 415);
}

TEST_F(FrontTest, WhatAHandlerThrowsIsAnAnswer) {
  EXPECT_EQ(StatusOf({.path = "/throws"}), 503);
  EXPECT_EQ(answered_, std::vector<int>{503});
}

TEST(ApiKeys, KeysThatNoHeaderCanHold) {
  EXPECT_FALSE(ApiKeys::Create({""}).ok());
  EXPECT_FALSE(ApiKeys::Create({"a b"}).ok());
  EXPECT_FALSE(ApiKeys::Create({"a\xC3\xA9"}).ok());
}

TEST(Http, WhatAPathHasLeftOfEscapesIsAName) {
  EXPECT_EQ(NameInPath("a%2Fb"), "a/b");
  EXPECT_EQ(NameInPath("%252F%"), "%2F%");
  EXPECT_EQ(NameInPath(*WithoutEscapes("a%252fb%2F%5B")), "a%2fb/[");
}

TEST(ApiError, HasTheShapeOfItsApi) {
  const ApiError error = BadField("top_p", "found {}", 2);
  EXPECT_EQ(ErrorJson(error, ErrorShape::kOpenAi, "r"),
            R"({"error":{"message":"top_p: found 2","type":"invalid_request_error",)"
            R"("param":"top_p","code":null}})");
  EXPECT_EQ(ErrorJson(error, ErrorShape::kAnthropic, "r"),
            R"({"type":"error","error":{"type":"invalid_request_error",)"
            R"("message":"top_p: found 2"},"request_id":"r"})");
  EXPECT_EQ(ErrorResponse({.status = 503, .message = "m"}, ErrorShape::kAnthropic, "").status, 529);
  EXPECT_EQ(ShapeOf("/v1/messages/count_tokens"), ErrorShape::kAnthropic);
  EXPECT_EQ(ShapeOf("/v1/chat/completions"), ErrorShape::kOpenAi);
  EXPECT_EQ(ErrorJson({.message = "m", .anthropic = "a"}, ErrorShape::kAnthropic, "r"),
            R"({"type":"error","error":{"type":"invalid_request_error","message":"a"},)"
            R"("request_id":"r"})");
  HttpRequest request{.id = "r", .path = "/v1/models"};
  EXPECT_EQ(ShapeOf(request), ErrorShape::kOpenAi);
  EXPECT_EQ(IdHeaders(request).size(), 1u);
  request.headers = {{"anthropic-version", "2023-06-01"}};
  EXPECT_EQ(ShapeOf(request), ErrorShape::kAnthropic);
  EXPECT_EQ(IdHeaders(request).back().name, "request-id");
  request.path = "/v1/chat/completions";
  EXPECT_EQ(ShapeOf(request), ErrorShape::kOpenAi);
}

}  // namespace
}  // namespace hadal::server
