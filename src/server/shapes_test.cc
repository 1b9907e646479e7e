// What the official clients of both APIs ask for, and the shapes in which they read it.
#include <gtest/gtest.h>

#include "server/test_server_test.h"
#include "text/utf8.h"

namespace hadal::server {
namespace {

class ShapesTest : public SharedServerTest {
 protected:
  static Reply Post(const std::string& path, const std::string& body) {
    return server_->Post(path, body);
  }
};

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

TEST_F(ShapesTest, UsageCountsEveryPromptOnce) {
  const auto usage = [&](const std::string& prompt) {
    const Reply reply = Post("/v1/completions", fmt::format(R"({{"prompt":{},"max_tokens":2,
        "ignore_eos":true}})",
                                                            prompt));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return At(reply.json(), {"usage"});
  };
  const auto number = [](const Json& json, const char* key) { return *At(json, {key}).AsInt(); };
  EXPECT_EQ(number(usage("[[5,6,7],[8,9,10,11]]"), "prompt_tokens"), 7);
  const Json several = usage(R"([[5,6,7],[8,9,10,11]],"n":3)");
  EXPECT_EQ(number(several, "prompt_tokens"), 7);
  EXPECT_EQ(number(several, "completion_tokens"), 12);
  EXPECT_EQ(number(several, "total_tokens"), 19);
  EXPECT_EQ(
      number(several, "prompt_cache_hit_tokens") + number(several, "prompt_cache_miss_tokens"), 7);
  EXPECT_EQ(number(usage(R"([5,6,7],"n":2)"), "prompt_tokens"), 3);
}

TEST_F(ShapesTest, OffsetsOfTokensCountTheTextsCharacters) {
  const Json ids = Post("/tokenize", R"({"content":"\u00e9\u65e5x"})").json();
  std::string bias;
  for (const Json& id : *At(ids, {"tokens"}).AsArray())
    bias += fmt::format(R"({}"{}":100)", bias.empty() ? "" : ",", *id.AsInt());
  const std::string body = fmt::format(R"({{"prompt":"a","max_tokens":60,"seed":2,"temperature":2,
      "logprobs":0,"ignore_eos":true,"return_token_ids":true,"logit_bias":{{{}}}}})",
                                       bias);
  const Json choice = At(Post("/v1/completions", body).json(), {"choices", "0"});
  const auto characters = [](std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) text.remove_prefix(text::StepUtf8(text).bytes);
    return count;
  };
  const std::string text = Text(choice, {"text"});
  const Json::Array& offsets = *At(choice, {"logprobs", "text_offset"}).AsArray();
  const Json::Array& tokens = *At(choice, {"token_ids"}).AsArray();
  ASSERT_EQ(offsets.size(), tokens.size());
  EXPECT_LT(characters(text), text.size());
  // Where what comes before a token is whole, it has so many characters.
  std::size_t whole = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto offset = static_cast<std::size_t>(*offsets[i].AsInt());
    EXPECT_LT(offset, characters(text));
    const Json before(Json::Array(tokens.begin(), tokens.begin() + static_cast<long>(i)));
    const std::string part =
        Text(Post("/detokenize", R"({"tokens":)" + before.Dump() + "}").json(), {"content"});
    if (part.ends_with(text::kReplacement)) {
      EXPECT_LE(offset, characters(part));
      EXPECT_GE(offset + 1, characters(part));
      continue;
    }
    EXPECT_EQ(offset, characters(part)) << part;
    ++whole;
  }
  EXPECT_GT(whole, 5u);
}

// As the manual says.
TEST_F(ShapesTest, ATemplatesTextGoesOnAsTokenIds) {
  const std::string chat = R"({"messages":[{"role":"system","content":"Be kind."},
      {"role":"user","content":"a"}]})";
  const std::string prompt = Text(Post("/apply-template", chat).json(), {"prompt"});
  const Json ids =
      Post("/tokenize", Json::MakeObject({{"content", prompt}, {"parse_special", true}}).Dump())
          .json();
  EXPECT_EQ(Text(ids, {"count"}),
            Text(Post("/v1/chat/completions/input_tokens", chat).json(), {"input_tokens"}));
  const Json answer =
      Post("/v1/completions", fmt::format(R"({{"prompt":{},"max_tokens":2,"ignore_eos":true}})",
                                          At(ids, {"tokens"}).Dump()))
          .json();
  EXPECT_EQ(Text(answer, {"usage", "prompt_tokens"}), Text(ids, {"count"})) << answer.Dump();
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
