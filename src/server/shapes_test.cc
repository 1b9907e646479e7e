// What the official clients of both APIs ask for, and the shapes in which they read it.
#include <gtest/gtest.h>

#include "server/test_server_test.h"

namespace hadal::server {
namespace {

TEST_F(ShapesTest, ModelsByNamesWithEscapes) {
  ServerOptions options = TestServer::OneThread();
  options.model.aliases = {"deepseek-ai/DeepSeek-V4-Flash", "50%2F"};
  const TestServer server(options);
  for (const char* name : {"deepseek-ai%2FDeepSeek-V4-Flash", "deepseek-ai%2fDeepSeek%2DV4-Flash",
                           "deepseek-ai/DeepSeek-V4-Flash", "embedded%5B1m%5D", "50%252F"}) {
    const Reply reply = server.Get(std::string("/v1/models/") + name);
    EXPECT_EQ(reply.status, 200) << name << reply.body;
    EXPECT_EQ(Text(reply.json(), {"id"}), "embedded") << reply.body;
  }
  EXPECT_EQ(server.Get("/v1%2Fmodels").status, 404);
  EXPECT_EQ(server.Get("/v1/models/50%2F").status, 404);
  EXPECT_EQ(server.Get("/v1/mode%6Cs").status, 200);
  const Reply wrong = server.Get("/v1/messages/%zz");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(Text(wrong.json(), {"type"}), "error") << wrong.body;
}

// A stream that the server cuts off does not say that it has ended well.
TEST(Shapes, AStreamThatIsCutOffHasNoEndButItsError) {
  ServerOptions options = TestServer::OneThread();
  options.drain_seconds = 0;
  TestServer server(options);
  const std::string chat =
      Chat(R"("max_tokens":1900,"ignore_eos":true,"temperature":0,"stream":true)");
  const std::pair<const char*, std::string> requests[] = {
      {"/v1/chat/completions", chat},
      {"/v1/messages", chat},
      {"/v1/completions", R"({"prompt":"a","max_tokens":1900,"ignore_eos":true,"stream":true})"},
      {"/v1/responses",
       R"({"input":"a","max_output_tokens":1900,"ignore_eos":true,"stream":true})"}};
  const char* firsts[] = {"\"content\":\"", "text_delta", "\"text\":\"", "output_text.delta"};
  std::vector<std::unique_ptr<SocketClient>> clients;
  for (std::size_t i = 0; i < std::size(requests); ++i) {
    clients.push_back(std::make_unique<SocketClient>(server.port(), 60));
    clients.back()->Send(PostText(requests[i].first, requests[i].second));
    clients.back()->ReadUntil(firsts[i]);
  }
  server.BeginStop();
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string rest = clients[i]->ReadAll();
    EXPECT_NE(rest.find("the server is stopping"), rest.npos) << requests[i].first << rest;
    for (const char* well : {"finish_reason\":\"", "stop_reason\":\"", "message_delta", ".done",
                             "_stop", "completed", "[DONE]"})
      EXPECT_EQ(rest.find(well), rest.npos) << requests[i].first << " " << well;
  }
}

}  // namespace
}  // namespace hadal::server
