// How long prompts and answers may be, and what is no request at all, as clients see it.
#include <gtest/gtest.h>

#include "server/test_server_test.h"

namespace hadal::server {
namespace {

class BoundsTest : public SharedServerTest {};

// The embedded model is known by its folder, whether it was named or not.
TEST_F(BoundsTest, TheEmbeddedModelsAnswersHaveALengthThatLeavesRoomBehindReasoning) {
  const Json json = server_
                        ->Post("/v1/chat/completions",
                               Chat(Endless() + R"(,"seed":1,"thinking":{"type":"enabled"})"))
                        .json();
  EXPECT_EQ(Text(json, {"usage", "completion_tokens"}), "256") << json.Dump();
  EXPECT_EQ(Text(json, {"usage", "completion_tokens_details", "reasoning_tokens"}), "128");
  EXPECT_NE(Text(json, {"choices", "0", "message", "content"}), "");
  // What is asked for is not shared out.
  const Json asked =
      server_
          ->Post("/v1/chat/completions", Chat(Endless() + R"(,"seed":1,"max_tokens":40,
                                        "thinking":{"type":"enabled"})"))
          .json();
  EXPECT_NE(Text(asked, {"choices", "0", "reasoning_end"}), "budget") << asked.Dump();
}

TEST_F(BoundsTest, NoAnswerIsLongerThanTheServerAllows) {
  ServerOptions options = TestServer::OneThread();
  options.api.most_tokens = 6;
  const TestServer server(options);
  const auto tokens = [&](const char* path, const std::string& body, const char* count) {
    const Reply reply = server.Post(path, body);
    return reply.status == 200 ? Text(reply.json(), {"usage", count}) : reply.body;
  };
  const std::string on = R"("ignore_eos":true)";
  EXPECT_EQ(tokens("/v1/chat/completions", Chat(on), "completion_tokens"), "6");
  EXPECT_EQ(tokens("/v1/messages", Chat(on + R"(,"max_tokens":900)"), "output_tokens"), "6");
  const Reply refused = server.Post("/v1/chat/completions", Chat(on + R"(,"max_tokens":7)"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(Text(refused.json(), {"error", "param"}), "max_tokens");
  EXPECT_NE(refused.body.find("found 7, answers of this server have 6"), std::string::npos)
      << refused.body;
  const Reply by_other_name =
      server.Post("/v1/chat/completions", Chat(R"("max_completion_tokens":7)"));
  EXPECT_EQ(Text(by_other_name.json(), {"error", "param"}), "max_completion_tokens");
}

// Known by its bytes alone, before it is taken apart.
TEST_F(BoundsTest, APromptThatIsTooLongIsNamedByItsField) {
  const std::string text(200'000, 'x');
  const std::pair<const char*, std::string> cases[] = {
      {"messages", R"({"messages":[{"role":"user","content":")" + text + "\"}]}"},
      {"input", R"({"input":")" + text + "\"}"},
      {"prompt", R"({"prompt":")" + text + "\"}"},
      {"content", R"({"content":")" + text + "\"}"}};
  const char* paths[] = {"/v1/chat/completions", "/v1/responses", "/v1/completions", "/tokenize"};
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    const Reply reply = server_->Post(paths[i], cases[i].second);
    EXPECT_EQ(reply.status, 400) << paths[i];
    EXPECT_EQ(Text(reply.json(), {"error", "code"}), "context_length_exceeded") << reply.body;
    EXPECT_EQ(Text(reply.json(), {"error", "param"}), cases[i].first);
    EXPECT_NE(reply.body.find("tokens at the least"), std::string::npos) << reply.body;
  }
  // One that fits by its bytes, and not by its tokens; nobody asked for 256.
  const std::string words = [] {
    std::string all;
    for (int i = 0; i < 3000; ++i) all += "a ";
    return all;
  }();
  const Reply reply = server_->Post("/v1/responses", R"({"input":")" + words + "\"}");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(Text(reply.json(), {"error", "param"}), "input");
  EXPECT_NE(reply.body.find("However, your input resulted in "), std::string::npos) << reply.body;
}

TEST_F(BoundsTest, FunctionsThatAreNoneAreNamed) {
  const std::pair<const char*, const char*> chats[] = {
      {R"([{"type":"function","function":{}}])", "tools[0].function.name: found nothing"},
      {R"([{"type":"function","function":{"name":5}}])", "tools[0].function.name: found '5'"},
      {R"([{"type":"function","function":{"name":"f","parameters":"x"}}])",
       "tools[0].function.parameters: found"},
      {R"([{"function":{"name":"f"}},{"function":{"name":"f"}}])", "tools[1].function.name: found"},
      {R"([{"type":"retrieval"}])", "tools[0].type: found"}};
  const auto expect = [&](const char* path, const char* tools, const char* why) {
    const std::string input = std::string(path) == "/v1/responses"
                                  ? std::string(R"({"input":"a","tools":)") + tools + "}"
                                  : Chat(std::string(R"("max_tokens":1,"tools":)") + tools);
    const Reply reply = server_->Post(path, input);
    EXPECT_EQ(reply.status, 400) << tools;
    EXPECT_NE(reply.body.find(why), std::string::npos) << reply.body;
  };
  for (const auto& [tools, why] : chats) expect("/v1/chat/completions", tools, why);
  expect("/v1/messages", R"([{"name":"f","input_schema":5}])", "tools[0].input_schema: found '5'");
  expect("/v1/messages", R"([{"input_schema":{}}])", "tools[0].name: found nothing");
  expect("/v1/messages", R"([{"name":"f","description":1,"input_schema":{}}])",
         "tools[0].description: found '1'");
  expect("/v1/responses", R"([{"type":"function","name":""}])", "tools[0].name: found");
  expect("/v1/responses", R"([{"type":"function","name":"f"},{"type":"function","name":"f"}])",
         "tools[1].name: found");
}

TEST_F(BoundsTest, WhatIsPackedOrNoSchemaIsSaidSo) {
  const Reply packed =
      server_->Post("/v1/chat/completions", "\x1f\x8b", "Content-Encoding: gzip\r\n");
  EXPECT_EQ(packed.status, 415);
  EXPECT_NE(packed.body.find("Content-Encoding: found 'gzip'"), std::string::npos) << packed.body;
  const Reply none = server_->Post("/v1/chat/completions", Chat(R"("response_format":
      {"type":"json_schema","json_schema":{"name":"x","schema":false}})"));
  EXPECT_EQ(none.status, 400);
  EXPECT_NE(none.body.find("found 'false', expected a schema"), std::string::npos) << none.body;
}

// Brackets and numbers take many times their bytes.
TEST_F(BoundsTest, ABodyHasSoManyValuesAtMost) {
  ServerOptions options = TestServer::OneThread();
  options.body_bytes = 64 << 10;
  const TestServer server(options);
  std::string numbers = "[1";
  for (int i = 0; i < 20'000; ++i) numbers += ",1";
  const Reply many = server.Post("/v1/completions", R"({"prompt":)" + numbers + "]}");
  EXPECT_EQ(many.status, 413) << many.body;
  EXPECT_NE(many.body.find("values, this server reads 4096 at most"), std::string::npos)
      << many.body;
  const std::string commas(20'000, ',');  // in a text they are text
  EXPECT_EQ(server.Post("/tokenize", R"({"content":")" + commas + "\\\",\"}").status, 200);
}

TEST_F(BoundsTest, TheStartOfAMessageCountsAsItsEndDoes) {
  for (int i = 0; i < 2; ++i) {  // the second time most of it was there
    const Reply reply = server_->Post("/v1/messages", Chat(R"("max_tokens":3,"stream":true,
        "system":"Be brief, and kind to every fox, and to all the other animals of the wood.")"));
    const std::vector<Json> events = reply.Events();
    ASSERT_GT(events.size(), 3u) << reply.body;
    const Json& end = events[events.size() - 2];
    for (const char* count : {"input_tokens", "cache_read_input_tokens"})
      EXPECT_EQ(Text(events[0], {"message", "usage", count}), Text(end, {"usage", count}))
          << reply.body;
    if (i == 1) {
      EXPECT_NE(Text(end, {"usage", "cache_read_input_tokens"}), "0");
    }
  }
}

}  // namespace
}  // namespace hadal::server
