// What clients read or send besides: penalties, timings, progress of a prompt, signs of life while
// a request waits, several keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "server/test_server_test.h"

namespace hadal::server {
namespace {

std::vector<std::int64_t> Ids(const Json& json) {
  std::vector<std::int64_t> ids;
  for (const Json& id : *At(json, {"choices", "0", "token_ids"}).AsArray())
    ids.push_back(*id.AsInt());
  return ids;
}

std::size_t MostOften(const std::vector<std::int64_t>& ids) {
  std::map<std::int64_t, std::size_t> counts;
  std::size_t most = 0;
  for (const std::int64_t id : ids) most = std::max(most, ++counts[id]);
  return most;
}

std::size_t Different(const std::vector<std::int64_t>& ids) {
  return std::set<std::int64_t>(ids.begin(), ids.end()).size();
}

TEST(Extras, PenaltiesReachTheSampler) {
  const TestServer server(TestServer::OneThread());
  const auto ids = [&](const std::string& penalty) {
    return Ids(server
                   .Post("/v1/completions",
                         R"({"prompt":"Once upon a time","max_tokens":80,"temperature":0,
                             "ignore_eos":true,"return_token_ids":true)" +
                             penalty + "}")
                   .json());
  };
  const std::vector<std::int64_t> plain = ids("");
  for (const char* penalty :
       {R"(,"presence_penalty":2)", R"(,"frequency_penalty":2)", R"(,"repetition_penalty":3)"}) {
    const std::vector<std::int64_t> other = ids(penalty);
    EXPECT_GT(Different(other), Different(plain)) << penalty;
    EXPECT_LE(MostOften(other), MostOften(plain)) << penalty;
  }
  // And a negative one does the opposite.
  EXPECT_GT(MostOften(ids(R"(,"frequency_penalty":-2)")), MostOften(plain));
}

TEST(Extras, TimingsAddUp) {
  const TestServer server(TestServer::OneThread());
  const Json json =
      server.Post("/v1/chat/completions", Chat(R"("max_tokens":30,"ignore_eos":true)")).json();
  const Json& timings = At(json, {"timings"});
  const auto number = [&](const char* key) { return *At(timings, {key}).AsNumber(); };
  EXPECT_EQ(number("cache_n") + number("prompt_n"),
            *At(json, {"usage", "prompt_tokens"}).AsNumber());
  EXPECT_EQ(number("predicted_n"), 30);
  for (const std::string part : {"prompt", "predicted"}) {
    const double count = number((part + "_n").c_str()), ms = number((part + "_ms").c_str());
    EXPECT_GT(ms, 0) << part;
    EXPECT_NEAR(number((part + "_per_token_ms").c_str()), ms / count, 1e-9 * ms) << part;
    EXPECT_NEAR(number((part + "_per_second").c_str()) * ms, 1e3 * count, 1e-6 * count) << part;
  }
  const Reply stream =
      server.Post("/v1/chat/completions", Chat(Endless() + R"(,"max_tokens":3,"stream":true)"));
  const std::vector<Json> events = stream.Events();
  EXPECT_EQ(Text(events.at(events.size() - 2), {"timings", "predicted_n"}), "3") << stream.body;
}

TEST(Extras, APromptsProgressIsToldToWhoAsks) {
  ServerOptions options = TestServer::OneThread();
  options.engine.chunk_rows = 64;
  const TestServer server(options);
  const std::string body =
      R"({"messages":[{"role":"user","content":")" + std::string(800, 'a') +
      R"("}],"max_tokens":2,"stream":true,"stream_options":{"include_usage":true})";
  const Reply told = server.Post("/v1/chat/completions", body + R"(,"return_progress":true})");
  std::vector<std::int64_t> processed;
  std::int64_t total = 0, answered = 0;
  for (const Json& event : told.Events()) {
    if (Text(event, {"choices", "0", "delta", "content"}).size() > 4) answered = 1;
    const Json& progress = At(event, {"prompt_progress"});
    if (progress.is_null()) continue;
    EXPECT_EQ(answered, 0);  // before the answer
    processed.push_back(*At(progress, {"processed"}).AsInt());
    total = *At(progress, {"total"}).AsInt();
  }
  ASSERT_GT(processed.size(), 2u) << told.body;
  EXPECT_EQ(Text(told.Events()[0], {"choices", "0", "delta", "role"}), "assistant") << told.body;
  EXPECT_TRUE(std::ranges::is_sorted(processed));
  EXPECT_EQ(processed.back(), total);
  const std::vector<Json> events = told.Events();
  EXPECT_EQ(total, *At(events.at(events.size() - 2), {"usage", "prompt_tokens"}).AsInt());
  EXPECT_EQ(server.Post("/v1/chat/completions", body + "}").body.find("prompt_progress"),
            std::string::npos);
}

TEST(Extras, WhoWaitsSeesThatTheServerLives) {
  ServerOptions options = TestServer::OneThread();
  options.engine.parallel = 1;
  options.limits.keep_alive_seconds = 0.5;
  const TestServer server(options);
  SocketClient first(server.port(), 60);
  const std::string long_one =
      R"({"prompt":"a","n":16,"max_tokens":1900,"ignore_eos":true,"stream":true})";
  first.Send(PostText("/v1/completions", long_one));
  first.ReadUntil("\"text\"");
  const std::string waits = Chat(R"("max_tokens":2,"stream":true)");
  const std::string paths[] = {"/v1/chat/completions", "/v1/responses", "/v1/messages"};
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (const std::string& path : paths) {
    clients.push_back(std::make_unique<SocketClient>(server.port(), 10));  // seconds
    const bool responses = path == "/v1/responses";
    clients.back()->Send(
        PostText(path, responses ? R"({"input":"a","max_output_tokens":2,"stream":true})" : waits));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string got = clients[i]->ReadUntil(": keep-alive\n\n");
    EXPECT_TRUE(got.ends_with(": keep-alive\n\n")) << paths[i] << "\n" << got;
    EXPECT_EQ(got.find("\"delta\":{\"content\":\""), std::string::npos);
    // Nor a ping: clients take nothing for an event in front of message_start.
    EXPECT_EQ(got.find("event: ping"), std::string::npos) << got;
  }
  first.Close();
  for (auto& client : clients) client->Close();
  EXPECT_TRUE(server.IsIdleSoon());
}

TEST(Extras, EachOfSeveralKeysOpensAndHasItsOwnLimit) {
  ServerOptions options = TestServer::OneThread();
  options.api_keys = {"first-key", "second-key"};
  options.limits.per_key = 1;
  const TestServer server(options);
  const auto key = [](const char* name) {
    return fmt::format("Authorization: Bearer {}\r\n", name);
  };
  EXPECT_EQ(server.Get("/v1/models", key("first-key")).status, 200);
  EXPECT_EQ(server.Get("/v1/models", "x-api-key: second-key\r\n").status, 200);
  for (const char* wrong : {"first-ke", "first-key2", "second-kez", "first-key,second-key"}) {
    const Reply refused = server.Get("/v1/models", key(wrong));
    EXPECT_EQ(refused.status, 401) << wrong;
    EXPECT_EQ(Text(refused.json(), {"error", "code"}), "invalid_api_key");
    EXPECT_EQ(refused.body.find(wrong), std::string::npos);  // never shown
  }
  // One key's request under way does not count against the other's.
  SocketClient busy(server.port(), 60);
  const std::string body = R"({"prompt":"a","n":4,"max_tokens":1900,"ignore_eos":true,
                               "stream":true})";
  busy.Send(PostText("/v1/completions", body, key("first-key")));
  busy.ReadUntil("\"text\"");
  const std::string small = R"({"prompt":"a","max_tokens":1})";
  EXPECT_EQ(server.Post("/v1/completions", small, key("first-key")).status, 429);
  EXPECT_EQ(server.Post("/v1/completions", small, key("second-key")).status, 200);
}

// What nobody reads is told to the log, by the request's id, or refused.
TEST(Extras, FieldsThatNobodyKnowsAreSaid) {
  const std::pair<const char*, std::string> cases[] = {
      {"/v1/chat/completions", Chat(R"("max_tokens":1,"functions":[{"name":"f"}])")},
      {"/v1/chat/completions", Chat(R"("max_tokens":1,"function_call":"auto")")},
      {"/v1/chat/completions", Chat(R"("max_tokens":1,"stream_options":{"usage":true})")},
      {"/v1/messages", Chat(R"("max_tokens":1,"thinking":{"type":"disabled","bugdet":4})")},
      {"/v1/messages", Chat(R"("max_tokens":1,"output_config":{"efort":"max"})")},
      {"/v1/responses", R"({"input":"a","max_output_tokens":1,"text":{"forma":{}}})"}};
  const char* names[] = {"functions",       "function_call",       "stream_options.usage",
                         "thinking.bugdet", "output_config.efort", "text.forma"};
  ServerOptions options = TestServer::OneThread();
  const TestServer server(options);
  options.api.strict = true;
  const TestServer strict(options);
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    const auto& [path, body] = cases[i];
    ::testing::internal::CaptureStderr();
    const Reply passed = server.Post(path, body, "x-request-id: mine\r\n");
    const std::string log = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(passed.status, 200) << passed.body;
    EXPECT_NE(log.find(fmt::format("request id=mine passed_over={}\n", names[i])), log.npos) << log;
    const Reply refused = strict.Post(path, body);
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_NE(refused.body.find(names[i]), std::string::npos) << refused.body;
  }
  // What clients send as a matter of course is known.
  const std::pair<const char*, std::string> known[] = {
      {"/v1/chat/completions", Chat(R"("max_tokens":1,"response_format":{"type":"json_schema",
          "json_schema":{"name":"x","strict":true,"schema":{"type":"boolean"}}})")},
      {"/v1/messages", Chat(R"("max_tokens":1,"tools":[{"name":"f","input_schema":
          {"type":"object"}}],"tool_choice":{"type":"tool","name":"f"},
          "output_config":{"effort":"high"},"metadata":{"user_id":"a"})")},
      {"/v1/responses", R"({"input":"a","max_output_tokens":1,"reasoning":{"effort":"low",
          "summary":"auto"},"text":{"verbosity":"low","format":{"type":"text"}}})"}};
  for (const auto& [path, body] : known) {
    const Reply reply = strict.Post(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
  }
}

// Ids are no secret: /slots shows them to every key.
TEST(Extras, AnothersReasoningIsNotEnded) {
  ServerOptions options = TestServer::OneThread();
  options.api_keys = {"first-key", "second-key"};
  const TestServer server(options);
  const std::string first = "x-api-key: first-key\r\n", second = "x-api-key: second-key\r\n";
  SocketClient client(server.port(), 60);
  const std::string body = Chat(Endless() + R"(,"max_tokens":1900,"seed":1,"stream":true,
                                                 "thinking":{"type":"enabled"})");
  client.Send(PostText("/v1/chat/completions", body, first));
  client.ReadUntil("reasoning_content");
  const std::string id = Text(server.Get("/slots", second).json(), {"0", "id_task"});
  const std::string close = fmt::format(R"({{"id":"{}"}})", id);
  const std::string control = "/v1/chat/completions/control";
  EXPECT_EQ(server.Post(control, close, second).status, 404);
  EXPECT_EQ(server.Post(control, close, first).status, 200);
  client.Close();
}

}  // namespace
}  // namespace hadal::server
