#include "server/documents.h"

#include <gtest/gtest.h>

#include <memory>

#include "server/fake_exchange_test.h"

namespace hadal::server {
namespace {

const std::vector<Document> kDocuments = {
    {.path = "/app.js",
     .content_type = "text/javascript",
     .etag = "\"1\"",
     .headers = {{"cache-control", "no-cache"}},
     .open = true,
     .bytes = "let a;"},
    {.path = "/made",
     .content_type = "application/json",
     .make = [] { return Result<std::string>("{}"); }},
    {.path = "/broken", .content_type = "application/json", .make = []() -> Result<std::string> {
       return Fail(Code::kIo, "config.json: gone");
     }}};

std::shared_ptr<FakeExchange> Get(const std::string& path, std::vector<Header> headers = {}) {
  Routes routes;
  AddDocuments(&routes, kDocuments);
  auto exchange = std::make_shared<FakeExchange>(
      HttpRequest{.id = "r", .method = "GET", .path = path, .headers = std::move(headers)});
  std::string allowed;
  (*routes.Find("GET", path, &allowed))->handler(exchange);
  return exchange;
}

TEST(Documents, BytesWithTheirHeaders) {
  const auto exchange = Get("/app.js");
  EXPECT_EQ(exchange->head.status, 200);
  EXPECT_EQ(exchange->body, "let a;");
  EXPECT_EQ(exchange->head.content_type, "text/javascript");
  EXPECT_EQ(exchange->Header("etag"), "\"1\"");
  EXPECT_EQ(exchange->Header("cache-control"), "no-cache");
}

TEST(Documents, ACopyThatStillHoldsIsNotSentAgain) {
  for (const char* tag : {"\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"}) {
    const auto exchange = Get("/app.js", {{"if-none-match", tag}});
    EXPECT_EQ(exchange->head.status, 304) << tag;
    EXPECT_EQ(exchange->body, "");
  }
  EXPECT_EQ(Get("/app.js", {{"if-none-match", "\"2\""}})->head.status, 200);
}

TEST(Documents, MadeOnes) {
  EXPECT_EQ(Get("/made")->body, "{}");
  const auto broken = Get("/broken");
  EXPECT_EQ(broken->head.status, 500);
  EXPECT_NE(broken->body.find("config.json: gone"), std::string::npos);
}

TEST(Documents, MadeOnesAreMadeOnce) {
  int made = 0;
  Routes routes;
  AddDocuments(&routes, {{.path = "/made", .content_type = "application/json", .make = [&made] {
                            if (++made == 1) return Result<std::string>(Fail(Code::kIo, "not yet"));
                            return Result<std::string>(fmt::format("{}", made));
                          }}});
  const auto get = [&](std::vector<Header> headers) {
    auto exchange = std::make_shared<FakeExchange>(
        HttpRequest{.id = "r", .method = "GET", .path = "/made", .headers = std::move(headers)});
    std::string allowed;
    (*routes.Find("GET", "/made", &allowed))->handler(exchange);
    return exchange;
  };
  EXPECT_EQ(get({})->head.status, 500);
  const auto first = get({});
  EXPECT_EQ(first->body, "2");
  EXPECT_EQ(get({})->body, "2");
  EXPECT_EQ(get({{"if-none-match", first->Header("etag")}})->head.status, 304);
}

TEST(Documents, OnlyOpenOnesGoWithoutAKey) {
  Routes routes;
  AddDocuments(&routes, kDocuments);
  std::string allowed;
  EXPECT_TRUE((*routes.Find("GET", "/app.js", &allowed))->open);
  EXPECT_FALSE((*routes.Find("GET", "/app.js", &allowed))->on_worker);
  EXPECT_FALSE((*routes.Find("GET", "/made", &allowed))->open);
  EXPECT_TRUE((*routes.Find("GET", "/made", &allowed))->on_worker);
}

}  // namespace
}  // namespace hadal::server
