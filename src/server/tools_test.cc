// Calls of tools that a client insists on, through the server in the forms of three APIs.
#include <gtest/gtest.h>

#include "server/test_server_test.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

// Two functions, in the forms in which the APIs list them.
constexpr const char* kWeather =
    R"({"type":"object","properties":{"city":{"type":"string","enum":["Oslo","Lima"]},
        "days":{"type":"integer","minimum":1,"maximum":9}},"required":["city","days"],
        "additionalProperties":false})";
constexpr const char* kNow = R"({"type":"object","properties":{},"additionalProperties":false})";

std::string Tools(const char* form) {
  const auto tool = [&](const char* name, const char* schema) {
    return fmt::format(fmt::runtime(form), fmt::arg("name", name), fmt::arg("schema", schema));
  };
  return fmt::format(R"("tools":[{},{}])", tool("weather", kWeather), tool("now", kNow));
}
constexpr const char* kOfChats =
    R"({{"type":"function","function":{{"name":"{name}","parameters":{schema}}}}})";
constexpr const char* kOfMessages = R"({{"name":"{name}","input_schema":{schema}}})";
constexpr const char* kOfResponses =
    R"({{"type":"function","name":"{name}","parameters":{schema}}})";

void ExpectWeather(const Json& arguments) {
  ASSERT_NE(arguments.AsObject(), nullptr) << arguments.Dump();
  EXPECT_EQ(arguments.AsObject()->size(), 2u) << arguments.Dump();
  const std::string city = Text(arguments, {"city"});
  EXPECT_TRUE(city == "Oslo" || city == "Lima") << city;
  const std::int64_t days = *At(arguments, {"days"}).AsInt();
  EXPECT_TRUE(days >= 1 && days <= 9) << days;
}

// What an answer called, without its text and the reasoning: as many clients send it back.
Json CallsOf(const Json& answer) {
  Json message = Json::MakeObject({{"role", "assistant"}});
  message.Set("tool_calls", At(answer, {"choices", "0", "message", "tool_calls"}));
  return message;
}

// The chat that goes on behind a message with a call and its result; `fields` are all others.
std::string AfterCall(const Json& message, const std::string& fields) {
  return fmt::format(
      R"({{"messages":[{{"role":"user","content":"Tell me about a fox."}},{},
           {{"role":"tool","tool_call_id":"{}","content":"sunny"}}],{}}})",
      message.Dump(), Text(message, {"tool_calls", "0", "id"}), fields);
}

class ToolsTest : public SharedServerTest {
 protected:
  static Json Post(const std::string& path, const std::string& body) {
    const Reply reply = server_->Post(path, body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  }
  static Json AskChat(const std::string& fields) {
    return Post("/v1/chat/completions",
                Chat(Tools(kOfChats) + R"(,"max_tokens":400,"temperature":2,)" + fields));
  }
};

TEST_F(ToolsTest, ANamedCallOfAChatFitsItsSchemaAndTheReasoningComesFirst) {
  const std::string choice =
      R"("tool_choice":{"type":"function","function":{"name":"weather"}},"seed":4,)";
  for (const char* thinking : {R"("type":"disabled")", R"("type":"enabled","budget_tokens":6)"}) {
    const Json json = AskChat(choice + fmt::format(R"("thinking":{{{}}})", thinking));
    EXPECT_EQ(Text(json, {"choices", "0", "finish_reason"}), "tool_calls");
    const Json& message = At(json, {"choices", "0", "message"});
    EXPECT_TRUE(At(message, {"content"}).is_null()) << message.Dump();
    ASSERT_EQ(At(message, {"tool_calls"}).AsArray()->size(), 1u) << message.Dump();
    EXPECT_TRUE(Text(message, {"tool_calls", "0", "id"}).starts_with("call_"));
    EXPECT_EQ(Text(message, {"tool_calls", "0", "function", "name"}), "weather");
    ExpectWeather(*ParseJson(Text(message, {"tool_calls", "0", "function", "arguments"})));
    EXPECT_EQ(message.Find("reasoning_content") != nullptr, std::string(thinking).size() > 20);
  }
}

// Every name and argument comes in the stream as it does whole.
TEST_F(ToolsTest, ARequiredCallStreamsToTheSame) {
  const std::string fields = R"("tool_choice":"required","seed":9)";
  const Json whole = AskChat(fields);
  const Reply stream = server_->Post(
      "/v1/chat/completions",
      Chat(Tools(kOfChats) + R"(,"max_tokens":400,"temperature":2,"stream":true,)" + fields));
  std::vector<std::pair<std::string, std::string>> calls;  // name, arguments
  std::string finish;
  for (const Json& event : stream.Events()) {
    if (const Json& reason = At(event, {"choices", "0", "finish_reason"}); reason.AsString())
      finish = *reason.AsString();
    const Json& delta = At(event, {"choices", "0", "delta", "tool_calls", "0"});
    if (delta.is_null()) continue;
    const auto index = static_cast<std::size_t>(*At(delta, {"index"}).AsInt());
    if (At(delta, {"id"}).AsString() != nullptr) {
      EXPECT_EQ(index, calls.size());
      calls.emplace_back(Text(delta, {"function", "name"}), "");
    }
    ASSERT_LT(index, calls.size());
    calls[index].second += Text(delta, {"function", "arguments"});
  }
  EXPECT_EQ(finish, "tool_calls");
  const Json::Array& expected = *At(whole, {"choices", "0", "message", "tool_calls"}).AsArray();
  ASSERT_EQ(calls.size(), expected.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].first, Text(expected[i], {"function", "name"}));
    EXPECT_EQ(calls[i].second, Text(expected[i], {"function", "arguments"}));
  }
}

// A model that would go on calling, here because it may hardly write what ends the calls.
TEST_F(ToolsTest, NoParallelCallsMeansOne) {
  const auto tokenizer = text::Tokenizer::Open(testing::EmbeddedFolder()).value();
  std::string bias;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(tokenizer.vocab_size()); ++id)
    if (const std::string_view bytes = tokenizer.TokenBytes(id);
        bytes == "/" || bytes.find("</") != bytes.npos)
      bias += fmt::format("{}\"{}\":-100", bias.empty() ? "" : ",", id);
  for (const bool parallel : {true, false}) {
    const Json json =
        AskChat(fmt::format(R"("tool_choice":"required","seed":1,"parallel_tool_calls":{},
                       "logit_bias":{{{}}})",
                            parallel, bias));
    const std::size_t calls = At(json, {"choices", "0", "message", "tool_calls"}).AsArray()->size();
    if (parallel) {
      EXPECT_GT(calls, 1u);  // or there would be nothing to forbid
    } else {
      EXPECT_EQ(calls, 1u);
    }
  }
}

// They are about what is said.
TEST_F(ToolsTest, StopTextsCutNoCalls) {
  const std::string choice =
      R"("tool_choice":{"type":"function","function":{"name":"weather"}},"seed":4)";
  const Json whole = AskChat(choice);
  for (const char* stop :
       {R"(["\n\n"])", R"(["\""])", R"(["invoke","</"])", R"(["Oslo","Lima"])"}) {
    const Json json = AskChat(fmt::format(R"({},"stop":{})", choice, stop));
    EXPECT_EQ(Text(json, {"choices", "0", "finish_reason"}), "tool_calls") << stop;
    EXPECT_EQ(Text(json, {"choices", "0", "message", "tool_calls", "0", "function", "arguments"}),
              Text(whole, {"choices", "0", "message", "tool_calls", "0", "function", "arguments"}))
        << stop;
  }
  const Json json =
      Post("/v1/messages", Chat(Tools(kOfMessages) + R"(,"max_tokens":400,"temperature":1,"seed":4,
          "tool_choice":{"type":"tool","name":"weather"},"stop_sequences":["Oslo","Lima"])"));
  EXPECT_EQ(Text(json, {"stop_reason"}), "tool_use");
  EXPECT_TRUE(At(json, {"stop_sequence"}).is_null());
  ExpectWeather(At(json, {"content", "0", "input"}));
}

TEST_F(ToolsTest, AnAnswerOfAFormatMayBeCallsInstead) {
  // What a call begins with, which JSON does not.
  const std::string begin = Text(Post("/tokenize", R"({"content":"\n\n"})"), {"tokens", "0"});
  for (const char* format :
       {R"({"type":"json_object"})",
        R"({"type":"json_schema","json_schema":{"name":"a","schema":{"type":"boolean"}}})"})
    for (const bool calls : {true, false}) {
      const Json json = Post(
          "/v1/chat/completions",
          Chat(Tools(kOfChats) +
               fmt::format(R"(,"tool_choice":"{}","response_format":{},"logit_bias":{{"{}":100}},
                              "temperature":0,"max_tokens":1,"return_token_ids":true)",
                           calls ? "auto" : "none", format, begin)));
      EXPECT_EQ(Text(json, {"choices", "0", "token_ids", "0"}) == begin, calls) << json.Dump();
    }
}

TEST_F(ToolsTest, MessagesHaveTheCallAsABlock) {
  for (const char* choice : {R"({"type":"any"})", R"({"type":"tool","name":"weather"})",
                             R"({"type":"any","disable_parallel_tool_use":true})"}) {
    const Json json =
        Post("/v1/messages", Chat(Tools(kOfMessages) + R"(,"max_tokens":400,"temperature":1,)" +
                                  fmt::format(R"("seed":4,"tool_choice":{})", choice)));
    EXPECT_EQ(Text(json, {"stop_reason"}), "tool_use") << json.Dump();
    const Json::Array& content = *At(json, {"content"}).AsArray();
    ASSERT_FALSE(content.empty()) << json.Dump();
    for (const Json& block : content) {
      EXPECT_EQ(Text(block, {"type"}), "tool_use");
      if (Text(block, {"name"}) == "weather") ExpectWeather(At(block, {"input"}));
    }
    if (std::string(choice).find("any") == std::string::npos) {
      EXPECT_EQ(Text(content[0], {"name"}), "weather");
    }
    if (std::string(choice).find("disable") != std::string::npos) {
      EXPECT_EQ(content.size(), 1u);
    }
  }
}

TEST_F(ToolsTest, ResponsesHaveTheCallAsAnItem) {
  for (const char* choice : {R"("required")", R"({"type":"function","name":"weather"})"}) {
    const Json json = Post(
        "/v1/responses",
        fmt::format(R"({{"input":"Tell me.",{},"max_output_tokens":400,"temperature":1,"seed":4,
                       "tool_choice":{},"parallel_tool_calls":false}})",
                    Tools(kOfResponses), choice));
    EXPECT_EQ(Text(json, {"status"}), "completed");
    EXPECT_EQ(Text(json, {"parallel_tool_calls"}), "false");
    ASSERT_EQ(At(json, {"output"}).AsArray()->size(), 1u) << json.Dump();
    const Json& item = At(json, {"output", "0"});
    EXPECT_EQ(Text(item, {"type"}), "function_call");
    EXPECT_TRUE(Text(item, {"call_id"}).starts_with("call_"));
    if (Text(item, {"name"}) == "weather") ExpectWeather(*ParseJson(Text(item, {"arguments"})));
  }
}

// A call that comes back with its result: the prompt is one token sequence, and the model goes on.
TEST_F(ToolsTest, AConversationWithACallGoesOn) {
  const Json first =
      AskChat(R"("tool_choice":{"type":"function","function":{"name":"weather"}},"seed":4)");
  const Json& message = At(first, {"choices", "0", "message"});
  const Json second =
      Post("/v1/chat/completions",
           AfterCall(message, Tools(kOfChats) + R"(,"max_tokens":5,"seed":1,"ignore_eos":true)"));
  EXPECT_EQ(Text(second, {"usage", "completion_tokens"}), "5");
  EXPECT_GT(*At(second, {"usage", "prompt_tokens"}).AsInt(),
            *At(first, {"usage", "total_tokens"}).AsInt());
}

// Another server, over the same folder, has the very tokens in its prompt, and the reasoning that
// the client did not send back; one that has no folder encodes the call anew.
TEST(Tools, CallsOutliveTheServer) {
  const testing::TempFolder folder;
  ServerOptions options = TestServer::OneThread();
  options.engine.disk.folder = folder.File("cache");
  const std::string fields = Tools(kOfChats) +
                             R"(,"return_token_ids":true,"thinking":{"type":"enabled",
                                "budget_tokens":6},"max_tokens":)";
  const auto ask = [](const ServerOptions& with, const std::string& body) {
    const TestServer server(with);
    const Reply reply = server.Post("/v1/chat/completions", body);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  };
  const Json first = ask(options, Chat(fields + R"(400,"tool_choice":{"type":"function",
                                    "function":{"name":"weather"}},"temperature":2,"seed":4)"));
  Json::Array tokens = *At(first, {"prompt_token_ids"}).AsArray();
  for (const Json& id : *At(first, {"choices", "0", "token_ids"}).AsArray()) tokens.push_back(id);
  const std::string next = AfterCall(CallsOf(first), fields + "1");
  const auto begins_so = [&](const Json& answer) {
    const Json::Array& prompt = *At(answer, {"prompt_token_ids"}).AsArray();
    return prompt.size() > tokens.size() &&
           Json(Json::Array(prompt.begin(), prompt.begin() + std::ssize(tokens))).Dump() ==
               Json(tokens).Dump();
  };
  EXPECT_GT(*At(TestServer(options).Get("/hadal/status").json(), {"disk", "tools"}).AsInt(), 100);
  EXPECT_TRUE(begins_so(ask(options, next)));
  EXPECT_FALSE(begins_so(ask(TestServer::OneThread(), next)));
}

// What is counted is what would be read, where keys have memories of their own.
TEST(Tools, TokensAreCountedWithWhatTheKeyIsRemembered) {
  ServerOptions options = TestServer::OneThread();
  options.api_keys = {"first", "second"};
  const TestServer server(options);
  const std::string first = "x-api-key: first\r\n", second = "x-api-key: second\r\n";
  const auto post = [&](const std::string& path, const std::string& body, const std::string& key) {
    const Reply reply = server.Post(path, body, key);
    EXPECT_EQ(reply.status, 200) << path << reply.body;
    return reply.json();
  };
  // A turn with reasoning, which the client does not send back.
  const std::string fields =
      Tools(kOfChats) + R"(,"thinking":{"type":"enabled","budget_tokens":20},"max_tokens":)";
  const Json called =
      post("/v1/chat/completions",
           Chat(fields + R"(400,"tool_choice":{"type":"function","function":{"name":"weather"}},
                            "temperature":2,"seed":4)"),
           first);
  ASSERT_EQ(Text(called, {"choices", "0", "finish_reason"}), "tool_calls") << called.Dump();
  const Json calling = CallsOf(called);
  const std::string next = AfterCall(calling, fields + "1");
  const std::string read =
      Text(post("/v1/chat/completions", next, first), {"usage", "prompt_tokens"});
  const char* count = "/v1/chat/completions/input_tokens";
  EXPECT_EQ(Text(post(count, next, first), {"input_tokens"}), read);
  EXPECT_NE(Text(post(count, next, second), {"input_tokens"}), read);
  EXPECT_NE(Text(post("/apply-template", next, first), {"prompt"}),
            Text(post("/apply-template", next, second), {"prompt"}));

  const Json response =
      post("/v1/responses", R"({"input":"Tell me.","max_output_tokens":6})", first);
  const std::string on =
      fmt::format(R"({{"input":"Go on.","max_output_tokens":1,"previous_response_id":"{}"}})",
                  Text(response, {"id"}));
  EXPECT_EQ(Text(post("/v1/responses/input_tokens", on, first), {"input_tokens"}),
            Text(post("/v1/responses", on, first), {"usage", "input_tokens"}));
  EXPECT_EQ(server.Post("/v1/responses/input_tokens", on, second).status, 400);

  const std::string content =
      fmt::format(R"([{{"type":"tool_use","id":"{}","name":"weather","input":{}}}])",
                  Text(calling, {"tool_calls", "0", "id"}),
                  Text(calling, {"tool_calls", "0", "function", "arguments"}));
  const std::string messages = fmt::format(
      R"({{"messages":[{{"role":"user","content":"Tell me about a fox."}},
           {{"role":"assistant","content":{}}},{{"role":"user","content":[
             {{"type":"tool_result","tool_use_id":"{}","content":"sunny"}}]}}],
           {},"max_tokens":1,"thinking":{{"type":"enabled","budget_tokens":20}}}})",
      content, Text(calling, {"tool_calls", "0", "id"}), Tools(kOfMessages));
  const Json usage = At(post("/v1/messages", messages, first), {"usage"});
  EXPECT_EQ(*At(post("/v1/messages/count_tokens", messages, first), {"input_tokens"}).AsInt(),
            *At(usage, {"input_tokens"}).AsInt() + *At(usage, {"cache_read_input_tokens"}).AsInt());
}

TEST_F(ToolsTest, WhatIsWrongIsNamed) {
  const std::pair<std::string, const char*> cases[] = {
      {R"("parallel_tool_calls":"no")", "parallel_tool_calls: found string, expected"},
      {R"("response_format":{"type":5})", "response_format.type: found 5, expected a string"},
      {R"("response_format":{"type":"json_schema"})",
       "response_format.json_schema: found no schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true}})",
       "response_format.json_schema: found no schema"},
      {R"("stream_options":{"include_usage":3})", "stream_options.include_usage: found 3"},
      {R"("stream_options":[])", "stream_options: found array, expected an object"},
      {R"("thinking":{"budget_tokens":-1})", "thinking.budget_tokens: found -1"}};
  for (const auto& [fields, says] : cases) {
    const Reply reply = server_->Post("/v1/chat/completions", Chat(fields));
    EXPECT_EQ(reply.status, 400) << fields;
    EXPECT_TRUE(Text(reply.json(), {"error", "message"}).starts_with(says)) << reply.body;
  }
}

}  // namespace
}  // namespace hadal::server
