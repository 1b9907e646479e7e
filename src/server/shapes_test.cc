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

TEST_F(ShapesTest, ModelsAsAnthropicsClientsReadThem) {
  const std::string version = "anthropic-version: 2023-06-01\r\n";
  const auto is_card = [](const Json& card) {
    EXPECT_EQ(Text(card, {"type"}), "model") << card.Dump();
    EXPECT_EQ(Text(card, {"id"}), "embedded");
    EXPECT_EQ(Text(card, {"display_name"}), "embedded");
    const std::string created = Text(card, {"created_at"});
    ASSERT_EQ(created.size(), 20u) << created;
    EXPECT_TRUE(created.starts_with("20") && created[10] == 'T' && created.ends_with("Z"));
  };
  const std::pair<const char*, std::string> ways[] = {{"/v1/models", version},
                                                      {"/anthropic/v1/models", ""}};
  for (const auto& [path, headers] : ways) {
    const Reply reply = server_->Get(path, headers);
    const Json list = reply.json();
    is_card(At(list, {"data", "0"}));
    EXPECT_EQ(Text(list, {"has_more"}), "false");
    EXPECT_EQ(Text(list, {"first_id"}), "embedded");
    EXPECT_EQ(Text(list, {"last_id"}), "embedded");
    EXPECT_NE(reply.head.find("\r\nrequest-id: "), std::string::npos) << reply.head;
    is_card(server_->Get(std::string(path) + "/embedded", headers).json());
    const Reply none = server_->Get(std::string(path) + "/gpt", headers);
    EXPECT_EQ(none.status, 404);
    EXPECT_EQ(Text(none.json(), {"error", "type"}), "not_found_error") << none.body;
    EXPECT_EQ(Text(none.json(), {"type"}), "error") << none.body;
  }
  EXPECT_EQ(Text(server_->Get("/v1/models").json(), {"object"}), "list");
}

TEST_F(ShapesTest, RequestsOfAnthropicsApiHaveTheirIdByItsName) {
  const auto id = [&](const std::string& path, const std::string& body) {
    const std::string head = server_->Post(path, body, "x-request-id: mine\r\n").head;
    EXPECT_NE(head.find("\r\nx-request-id: mine\r\n"), std::string::npos) << head;
    return head.find("\r\nrequest-id: mine\r\n") != std::string::npos ||
           head.ends_with("\r\nrequest-id: mine");
  };
  EXPECT_TRUE(id("/v1/messages", Chat(R"("max_tokens":1)")));
  EXPECT_TRUE(id("/v1/messages", Chat(R"("max_tokens":1,"stream":true)")));
  EXPECT_TRUE(id("/v1/messages", "{"));
  EXPECT_TRUE(id("/v1/messages/count_tokens", Chat(R"("max_tokens":1)")));
  EXPECT_FALSE(id("/v1/chat/completions", Chat(R"("max_tokens":1)")));
}

// The sentences that clients of each API look for.
TEST_F(ShapesTest, ATooLongPromptIsSaidInTheApisWords) {
  std::string words;
  for (int i = 0; i < 3000; ++i) words += "a ";
  const auto chat = [&](const std::string& more) {
    return fmt::format(R"({{"messages":[{{"role":"user","content":"{}"}}]{}}})", words, more);
  };
  const auto message = [&](const std::string& path, const std::string& body) {
    const Reply reply = Post(path, body);
    EXPECT_EQ(reply.status, 400) << reply.body;
    return Text(reply.json(), {"error", "message"});
  };
  const std::string anthropic = message("/v1/messages", chat(R"(,"max_tokens":9)"));
  EXPECT_TRUE(anthropic.starts_with("prompt is too long: ")) << anthropic;
  EXPECT_TRUE(anthropic.ends_with(" tokens > 2047 maximum")) << anthropic;
  EXPECT_GT(std::atoi(anthropic.c_str() + 20), 2047);
  const std::string asked = message("/v1/chat/completions", Chat(R"("max_tokens":2047)"));
  const std::string count =
      Text(Post("/v1/chat/completions/input_tokens", Chat(R"("max_tokens":1)")).json(),
           {"input_tokens"});
  EXPECT_EQ(asked, fmt::format("This model's maximum context length is 2048 tokens. However, you "
                               "requested {} tokens ({} in the messages, 2047 in the completion).",
                               std::atoi(count.c_str()) + 2047, count));
  EXPECT_NE(message("/v1/chat/completions", chat("")).find("However, your messages resulted in "),
            std::string::npos);
}

TEST_F(ShapesTest, ResponsesHaveTheFieldsThatWereNullOrLeftOut) {
  const auto response = [&](const std::string& fields) {
    const Reply reply =
        Post("/v1/responses", R"({"input":"a","max_output_tokens":1)" + fields + "}");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  };
  const Json plain = response("");
  const Json nulls = response(R"(,"tools":null,"tool_choice":null,"parallel_tool_calls":null,
      "text":null,"store":null,"metadata":null,"reasoning":null,"truncation":null)");
  for (const char* key : {"tools", "tool_choice", "parallel_tool_calls", "text", "store",
                          "metadata", "reasoning", "truncation"}) {
    EXPECT_EQ(At(nulls, {key}).Dump(), At(plain, {key}).Dump()) << key;
    EXPECT_FALSE(At(nulls, {key}).is_null()) << key;
  }
  const Json brief = response(R"(,"text":{"verbosity":"low"},"reasoning":{"effort":"none"})");
  EXPECT_EQ(Text(brief, {"text", "verbosity"}), "low");
  EXPECT_EQ(Text(brief, {"text", "format", "type"}), "text") << brief.Dump();
  EXPECT_EQ(Text(brief, {"reasoning", "effort"}), "none");
  EXPECT_NE(At(brief, {"reasoning"}).Find("summary"), nullptr);
}

// The others are not on offer: the prompt is that of the request without them.
TEST_F(ShapesTest, ToolsThatAChoiceDoesNotAllowAreNotOnOffer) {
  struct Form {
    const char *path, *prompt, *tool, *choice;
  };
  const Form forms[] = {{"/v1/chat/completions", R"("messages":[{"role":"user","content":"w?"}])",
                         R"({{"type":"function","function":{{"name":"{}"}}}})",
                         R"({{"type":"allowed_tools","allowed_tools":{{"mode":"{}","tools":[
           {{"type":"function","function":{{"name":"{}"}}}}]}}}})"},
                        {"/v1/responses", R"("input":"w?")", R"({{"type":"function","name":"{}"}})",
                         R"({{"type":"allowed_tools","mode":"{}","tools":[{{"type":"web_search"}},
           {{"type":"function","name":"{}"}}]}})"}};
  for (const Form& form : forms) {
    const auto body = [&](std::initializer_list<const char*> names, const std::string& choice) {
      std::string tools;
      for (const char* name : names)
        tools += (tools.empty() ? "" : ",") + fmt::format(fmt::runtime(form.tool), name);
      return fmt::format(R"({{{},"tools":[{}],"tool_choice":{}}})", form.prompt, tools, choice);
    };
    const auto choice = [&](const char* mode, const char* name) {
      return fmt::format(fmt::runtime(form.choice), mode, name);
    };
    const auto count = [&](const std::string& given) {
      const Reply reply = Post(form.path + std::string("/input_tokens"), given);
      EXPECT_EQ(reply.status, 200) << reply.body;
      return Text(reply.json(), {"input_tokens"});
    };
    EXPECT_EQ(count(body({"weather", "now"}, choice("auto", "now"))),
              count(body({"now"}, "\"auto\"")));
    EXPECT_NE(count(body({"weather", "now"}, choice("auto", "now"))),
              count(body({"weather", "now"}, "\"auto\"")));
    const Reply called = Post(form.path, body({"weather", "now"}, choice("required", "now")));
    EXPECT_EQ(called.status, 200) << called.body;
    const Json json = called.json();
    const bool chats = std::string(form.path) == "/v1/chat/completions";
    EXPECT_EQ(chats ? Text(json, {"choices", "0", "message", "tool_calls", "0", "function", "name"})
                    : Text(json, {"output", "0", "name"}),
              "now")
        << called.body;
    for (const auto& [wrong, why] :
         {std::pair{choice("auto", "none"), "'none', which is not among the tools"},
          {choice("any", "now"), "mode: found 'any'"},
          {std::string(R"({"type":"allowed_tools","mode":"auto"})"), "tools: found nothing"}}) {
      const Reply reply = Post(form.path, body({"weather", "now"}, wrong));
      EXPECT_EQ(reply.status, 400) << wrong;
      EXPECT_NE(reply.body.find(why), std::string::npos) << reply.body;
    }
  }
}

TEST_F(ShapesTest, WhatAnAssistantRefusedIsPartOfTheConversation) {
  const auto count = [&](const std::string& fields) {
    const Reply reply = Post("/v1/chat/completions/input_tokens", fmt::format(R"({{"messages":[
        {{"role":"user","content":"a"}},{{"role":"assistant",{}}},
        {{"role":"user","content":"b"}}]}})",
                                                                              fields));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Text(reply.json(), {"input_tokens"});
  };
  const std::string plain = count(R"("content":"I cannot say that.")");
  EXPECT_EQ(count(R"("content":[{"type":"refusal","refusal":"I cannot say that."}])"), plain);
  EXPECT_EQ(count(R"("content":null,"refusal":"I cannot say that.")"), plain);
  EXPECT_EQ(count(R"("content":"I cannot say that.","refusal":null)"), plain);
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
  const Json ids = Post("/tokenize", R"({"content":"\u00e9"})").json();
  std::string bias;
  for (const Json& id : *At(ids, {"tokens"}).AsArray())
    bias += fmt::format(R"({}"{}":100)", bias.empty() ? "" : ",", *id.AsInt());
  const std::string body = fmt::format(R"({{"prompt":"a","max_tokens":60,"seed":2,
      "frequency_penalty":2,"logprobs":0,
      "ignore_eos":true,"return_token_ids":true,"logit_bias":{{{}}}}})",
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
  EXPECT_NE(text.find("\u00e9\u00e9"), text.npos) << text;
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

// Pages that may ask read why they were refused too.
TEST_F(ShapesTest, WhatIsRefusedEarlyIsForThePageThatAsked) {
  ServerOptions options = TestServer::OneThread();
  options.body_bytes = 1024;
  options.listener.header_bytes = 4096;
  options.listener.header_seconds = options.listener.body_seconds = 1;
  options.origin.allowed = {"https://good.example"};
  const TestServer server(options);
  const std::string large = "x: " + std::string(5000, 'a') + "\r\n";
  for (const bool good : {true, false}) {
    const std::string origin =
        fmt::format("Origin: https://{}.example\r\n", good ? "good" : "evil");
    const auto expect = [&](const std::string& head, int status) {
      EXPECT_TRUE(head.starts_with(fmt::format("HTTP/1.1 {}", status))) << head;
      const bool named =
          head.find("access-control-allow-origin: https://good.example") != head.npos;
      EXPECT_EQ(named, good) << head;
    };
    expect(server.Post("/v1/completions", std::string(2000, 'a'), origin).head, 413);
    expect(server.Post("/v1/completions", "{}", origin + large).head, 431);
    expect(server.Get("/v1/%", origin).head, 400);
    SocketClient slow(server.port());
    slow.Send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + origin +
              "Content-Length: 9\r\n\r\nabc");
    expect(slow.ReadAll(), 408);
    SocketClient slower(server.port());
    slower.Send("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n" + origin + "Content-Le");
    expect(slower.ReadAll(), 408);
  }
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
