// The server as clients see it, with the embedded model, over loopback.
#include "server/server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "server/test_server_test.h"
#include "testing/sanitized.h"

namespace hadal::server {
namespace {

class ServerTest : public SharedServerTest {
 protected:
  static Reply Post(const std::string& path, const std::string& body) {
    return server_->Post(path, body);
  }
};

TEST_F(ServerTest, AChatIsAnsweredWholeAndAsAStream) {
  const Reply whole = Post("/v1/chat/completions",
                           Chat(Endless() + R"(,"max_tokens":20,"seed":1,"logprobs":true)"));
  ASSERT_EQ(whole.status, 200) << whole.body;
  const Json json = whole.json();
  EXPECT_EQ(Text(json, {"object"}), "chat.completion");
  EXPECT_EQ(Text(json, {"choices", "0", "finish_reason"}), "length");
  EXPECT_EQ(Text(json, {"usage", "completion_tokens"}), "20");
  EXPECT_EQ(At(json, {"choices", "0", "logprobs", "content"}).AsArray()->size(), 20u);

  const Reply stream =
      Post("/v1/chat/completions", Chat(Endless() + R"(,"max_tokens":20,"seed":1,"logprobs":true,
                                    "stream":true,"stream_options":{"include_usage":true})"));
  EXPECT_NE(stream.head.find("text/event-stream"), std::string::npos);
  std::string content;
  Json::Array logprobs;
  const std::vector<Json> events = stream.Events();
  ASSERT_GT(events.size(), 4u) << stream.body;
  EXPECT_EQ(Text(events[0], {"choices", "0", "delta", "role"}), "assistant");
  for (const Json& event : events) {
    if (At(event, {"choices"}).AsArray() == nullptr) continue;
    if (At(event, {"choices"}).AsArray()->empty()) continue;
    if (const Json& piece = At(event, {"choices", "0", "delta", "content"}); piece.AsString())
      content += *piece.AsString();
    if (const Json& some = At(event, {"choices", "0", "logprobs", "content"}); some.AsArray())
      for (const Json& one : *some.AsArray()) logprobs.push_back(one);
  }
  EXPECT_EQ(content, Text(json, {"choices", "0", "message", "content"}));
  EXPECT_EQ(Json(logprobs).Dump(), At(json, {"choices", "0", "logprobs", "content"}).Dump());
  EXPECT_EQ(Text(events[events.size() - 3], {"choices", "0", "finish_reason"}), "length");
  EXPECT_EQ(At(events[events.size() - 2], {"usage", "total_tokens"}).Dump(),
            At(json, {"usage", "total_tokens"}).Dump());
  EXPECT_EQ(events.back().AsString() ? *events.back().AsString() : "", "[DONE]");
}

// A model that goes on with the next turn, here because it must, has ended its own.
TEST_F(ServerTest, AnothersTurnIsNoPartOfAnAnswer) {
  for (const char* role : {"<\uFF5CUser\uFF5C>", "<\uFF5CAssistant\uFF5C>"}) {
    const Json ids =
        Post("/tokenize", fmt::format(R"({{"content":"{}","parse_special":true}})", role)).json();
    ASSERT_EQ(Text(ids, {"count"}), "1") << ids.Dump();
    const std::string must = fmt::format(R"("max_tokens":9,"seed":1,"temperature":0,
        "logit_bias":{{"{}":100}})",
                                         Text(ids, {"tokens", "0"}));
    const Json ended = Post("/v1/chat/completions", Chat(must)).json();
    EXPECT_EQ(Text(ended, {"choices", "0", "finish_reason"}), "stop") << ended.Dump();
    EXPECT_EQ(Text(ended, {"choices", "0", "message", "content"}), "");
    EXPECT_EQ(Text(ended, {"usage", "completion_tokens"}), "1");
    const Json on = Post("/v1/chat/completions", Chat(must + R"(,"ignore_eos":true)")).json();
    EXPECT_EQ(Text(on, {"usage", "completion_tokens"}), "9");
  }
}

TEST_F(ServerTest, SeveralChoicesAndStops) {
  const std::string fields = Endless() + R"(,"max_tokens":40,"seed":5,"n":3)";
  const Json whole = Post("/v1/chat/completions", Chat(fields)).json();
  const auto text = [](const Json& json, const char* i) {
    return Text(json, {"choices", i, "message", "content"});
  };
  // A piece of the first one's, from a whole character on.
  const std::string first = text(whole, "0");
  std::size_t begin = 5, end = 8;
  const auto inside = [&](std::size_t at) {
    return at < first.size() && (first[at] & 0xC0) == 0x80;
  };
  while (inside(begin)) ++begin;
  while (inside(end)) ++end;
  ASSERT_LT(end, first.size()) << whole.Dump();
  const std::string stop = first.substr(begin, end - begin);
  const Json json =
      Post("/v1/chat/completions", Chat(fields + ",\"stop\":[" + Json(stop).Dump() + "]")).json();
  ASSERT_EQ(At(json, {"choices"}).AsArray()->size(), 3u) << json.Dump();
  for (const char* i : {"0", "1", "2"}) {
    EXPECT_EQ(Text(json, {"choices", i, "index"}), i);
    EXPECT_EQ(text(json, i), text(whole, i).substr(0, text(whole, i).find(stop)));
  }
  EXPECT_EQ(Text(json, {"choices", "0", "stop_reason"}), stop);
}

TEST_F(ServerTest, ASeedMayBeWrittenWithAPoint) {
  const auto content = [&](const char* seed) {
    return Text(Post("/v1/chat/completions",
                     Chat(fmt::format(R"("max_tokens":12,"ignore_eos":true,"seed":{})", seed)))
                    .json(),
                {"choices", "0", "message", "content"});
  };
  EXPECT_EQ(content("7.0"), content("7"));
  EXPECT_EQ(content("-7e0"), content("-7"));
  EXPECT_NE(content("7"), content("-7"));
}

TEST_F(ServerTest, AResultThatIsAnErrorSaysSo) {
  const auto count = [&](const char* error) {
    const Json json = Post("/v1/messages/count_tokens", fmt::format(R"({{"messages":[
        {{"role":"user","content":"w?"}},
        {{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"w","input":{{}}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c",
          "content":"no such place"{}}}]}}]}})",
                                                                    error))
                          .json();
    return *At(json, {"input_tokens"}).AsInt();
  };
  EXPECT_EQ(count(R"(,"is_error":false)"), count(""));
  EXPECT_GT(count(R"(,"is_error":true)"), count(""));
}

// Whoever asks right behind an answer is not told of a request that is no more.
TEST_F(ServerTest, NothingRunsThatIsNotListed) {
  for (int i = 0; i < 50; ++i) {
    Post("/v1/completions", R"({"prompt":"a","max_tokens":1})");
    const Json requests = At(server_->Get("/hadal/status").json(), {"requests"});
    EXPECT_LE(*At(requests, {"running"}).AsUnsigned() + *At(requests, {"waiting"}).AsUnsigned(),
              At(requests, {"list"}).AsArray()->size());
  }
}

TEST_F(ServerTest, ThinkingInEverySpelling) {
  const auto reasoning = [&](const std::string& fields) {
    const Json json =
        Post("/v1/chat/completions", Chat(fields + Endless() + R"(,"max_tokens":4,"seed":1)"))
            .json();
    return Text(json, {"usage", "completion_tokens_details", "reasoning_tokens"});
  };
  EXPECT_EQ(reasoning(""), "0");
  EXPECT_EQ(reasoning(R"("thinking":{"type":"disabled"},"reasoning_effort":"high",)"), "0");
  EXPECT_EQ(reasoning(R"("reasoning_effort":"none","think":true,)"), "0");
  EXPECT_EQ(reasoning(R"("model":"deepseek-chat",)"), "0");
  for (const char* on :
       {R"("thinking":{"type":"enabled"},)", R"("reasoning_effort":"low",)",
        R"("reasoning":{"effort":"xhigh"},)", R"("chat_template_kwargs":{"thinking":true},)",
        R"("chat_template_kwargs":{"enable_thinking":true},)", R"("think":true,)",
        R"("model":"deepseek-reasoner",)", R"("model":"deepseek-reasoner[1m]",)"})
    EXPECT_EQ(reasoning(on), "4") << on;
}

TEST_F(ServerTest, AThinkingBudgetClosesTheReasoning) {
  const std::string body = Chat(
      Endless() + R"(,"max_tokens":12,"seed":1,"thinking":{"type":"enabled","budget_tokens":5})");
  const Json json = Post("/v1/chat/completions", body).json();
  EXPECT_EQ(Text(json, {"usage", "completion_tokens_details", "reasoning_tokens"}), "5");
  EXPECT_EQ(Text(json, {"choices", "0", "reasoning_end"}), "budget");
  EXPECT_NE(Text(json, {"choices", "0", "message", "content"}), "");
  const Json again = Post("/v1/chat/completions", body).json();
  EXPECT_EQ(At(json, {"choices"}).Dump(), At(again, {"choices"}).Dump());
}

TEST_F(ServerTest, AnswerNowClosesTheReasoning) {
  SocketClient client(server_->port(), 120);
  const std::string body = Chat(
      Endless() + R"(,"max_tokens":1500,"seed":1,"stream":true,"thinking":{"type":"enabled"})");
  client.Send(PostText("/v1/chat/completions", body));
  client.ReadUntil("reasoning_content");
  const Json status = server_->Get("/hadal/status").json();
  const std::string id = Text(status, {"requests", "list", "0", "id"});
  const std::string control = "/v1/chat/completions/control";
  EXPECT_EQ(Post(control, R"({"id":"chatcmpl-none"})").status, 404);
  EXPECT_EQ(Post(control, R"({"id":")" + id + R"(","action":"dance"})").status, 400);
  const Reply closed = Post(control, R"({"id":"chatcmpl-)" + id + R"(","action":"reasoning_end"})");
  EXPECT_EQ(closed.status, 200) << closed.body;
  const std::string rest = client.ReadUntil("\"content\":");
  EXPECT_NE(rest, "");
  client.Close();
  EXPECT_TRUE(server_->IsIdleSoon());
}

TEST_F(ServerTest, JsonThatASchemaAsksFor) {
  const std::string schema =
      R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":9}},
          "required":["n"],"additionalProperties":false})";
  for (const char* thinking : {"disabled", "enabled"}) {
    const Json json =
        Post("/v1/chat/completions", Chat(fmt::format(R"("max_tokens":60,"temperature":2,"seed":1,
                 "thinking":{{"type":"{}","budget_tokens":8}},
                 "response_format":{{"type":"json_schema",
                                     "json_schema":{{"name":"x","schema":{}}}}})",
                                                      thinking, schema)))
            .json();
    const auto object = ParseJson(Text(json, {"choices", "0", "message", "content"}));
    ASSERT_TRUE(object.ok()) << json.Dump();
    EXPECT_NE(object->Find("n"), nullptr);
    EXPECT_EQ(Text(json, {"choices", "0", "finish_reason"}), "stop");
  }
}

TEST_F(ServerTest, CompletionsOfSeveralPrompts) {
  const Json json = Post("/v1/completions",
                         R"({"prompt":["Once upon","The king"],"max_tokens":8,"seed":1,"echo":true,
                             "n":2,)" +
                             Endless() + "}")
                        .json();
  ASSERT_EQ(At(json, {"choices"}).AsArray()->size(), 4u) << json.Dump();
  EXPECT_TRUE(Text(json, {"choices", "0", "text"}).starts_with("Once upon"));
  EXPECT_TRUE(Text(json, {"choices", "3", "text"}).starts_with("The king"));
  EXPECT_EQ(Text(json, {"usage", "completion_tokens"}), "32");
  const Json ids =
      Post("/v1/completions", R"({"prompt":[0,5,6],"max_tokens":3,"logprobs":2,)" + Endless() + "}")
          .json();
  EXPECT_EQ(Text(ids, {"usage", "prompt_tokens"}), "3");
  EXPECT_EQ(At(ids, {"choices", "0", "logprobs", "tokens"}).AsArray()->size(), 3u) << ids.Dump();
}

TEST_F(ServerTest, MessagesAsAStreamOfBlocks) {
  const Reply reply =
      Post("/v1/messages", Chat(Endless() + R"(,"max_tokens":12,"seed":1,"stream":true,
      "thinking":{"type":"enabled","budget_tokens":4},
      "system":[{"type":"text","text":"Be short."}])"));
  std::string types;
  for (const Json& event : reply.Events()) {
    const std::string type = Text(event, {"type"});
    if (type != "content_block_delta") types += type + " ";
  }
  EXPECT_EQ(types,
            "message_start content_block_start content_block_stop content_block_start "
            "content_block_stop message_delta message_stop ");
  EXPECT_NE(reply.body.find("signature_delta"), std::string::npos);
  const Json whole = Post("/v1/messages", Chat(Endless() + R"(,"max_tokens":12,"seed":1)")).json();
  EXPECT_EQ(Text(whole, {"stop_reason"}), "max_tokens");
  EXPECT_EQ(Text(whole, {"content", "0", "type"}), "text");
  EXPECT_EQ(Text(whole, {"usage", "output_tokens"}), "12");
}

TEST_F(ServerTest, WhatChangesWithEveryRequestIsNotInThePrompt) {
  const auto count = [&](const std::string& system) {
    return Post("/v1/messages/count_tokens", Chat("\"system\":" + system)).json().Dump();
  };
  const std::string plain = count(R"([{"type":"text","text":"Be short."}])");
  EXPECT_EQ(count(R"([{"type":"text","text":"x-anthropic-billing-header: cch=12ab;"},
                      {"type":"text","text":"Be short.","cache_control":{"type":"ephemeral"}}])"),
            plain);
  EXPECT_NE(count(R"("Be very short.")"), plain);
  const auto says = [&](const char* role) {
    return Post("/v1/messages/count_tokens",
                fmt::format(R"({{"messages":[{{"role":"user","content":"a"}},{{"role":"{}",
                    "content":[{{"type":"text","text":"x-anthropic-billing-header: cch=1;"}},
                               {{"type":"text","text":"b"}}]}}]}})",
                            role))
        .json();
  };
  const std::int64_t of_user = *At(says("user"), {"input_tokens"}).AsInt();
  EXPECT_GT(of_user, *At(says("system"), {"input_tokens"}).AsInt() + 5);  // people's text stays
  // What a tool has read stays too, a log of such requests, say.
  const auto result = [&](const std::string& text) {
    return *At(Post("/v1/messages/count_tokens", fmt::format(R"({{"messages":[
        {{"role":"user","content":"a"}},
        {{"role":"assistant","content":[{{"type":"tool_use","id":"c","name":"w","input":{{}}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c","content":[
          {{"type":"text","text":"{}"}},{{"type":"text","text":"b"}}]}}]}}]}})",
                                                             text))
                   .json(),
               {"input_tokens"})
                .AsInt();
  };
  EXPECT_GT(result("x-anthropic-billing-header: cch=1;"), result("") + 5);
}

TEST_F(ServerTest, ToolsOfMessagesAreThoseOfChats) {
  const std::string messages = R"({"messages":[{"role":"user","content":"w?"},
    {"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"w","input":{"a":1}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"sunny"}]}],
    "tools":[{"name":"w","description":"d","input_schema":{"type":"object"}},
             {"type":"web_search_20250305","name":"web_search"}],"max_tokens":4})";
  const std::string chat = R"({"messages":[{"role":"user","content":"w?"},
    {"role":"assistant","tool_calls":[{"id":"c1","type":"function",
      "function":{"name":"w","arguments":"{\"a\":1}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"sunny"}],
    "tools":[{"type":"function","function":{"name":"w","description":"d",
      "parameters":{"type":"object"}}}]})";
  const std::string responses = R"({"input":[{"role":"user","content":"w?"},
    {"type":"function_call","call_id":"c1","name":"w","arguments":"{\"a\":1}"},
    {"type":"function_call_output","call_id":"c1","output":"sunny"}],
    "tools":[{"type":"function","name":"w","description":"d","parameters":{"type":"object"}},
             {"type":"web_search"}]})";
  const std::string want =
      Text(Post("/v1/chat/completions/input_tokens", chat).json(), {"input_tokens"});
  EXPECT_EQ(Text(Post("/v1/messages/count_tokens", messages).json(), {"input_tokens"}), want);
  EXPECT_EQ(Text(Post("/v1/responses/input_tokens", responses).json(), {"input_tokens"}), want);
}

TEST_F(ServerTest, ResponsesGoOnFromEachOther) {
  const Json first =
      Post("/v1/responses",
           R"({"input":"Tell me about a fox.","max_output_tokens":6,)" + Endless() + "}")
          .json();
  EXPECT_EQ(Text(first, {"status"}), "incomplete");
  const std::string id = Text(first, {"id"});
  const Json second = Post("/v1/responses", R"({"input":"Go on.","max_output_tokens":6,
      "previous_response_id":")" + id + "\"}")
                          .json();
  const Json alone = Post("/v1/responses", R"({"input":"Go on.","max_output_tokens":6})").json();
  EXPECT_GT(*At(second, {"usage", "input_tokens"}).AsInt(),
            *At(alone, {"usage", "input_tokens"}).AsInt() + 10);
  const Reply unknown = Post("/v1/responses", R"({"input":"x","previous_response_id":"resp_no"})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(Text(unknown.json(), {"error", "code"}), "previous_response_not_found");
  EXPECT_EQ(Post("/v1/responses", R"({"input":[],"max_output_tokens":1})").status, 200);
}

// Instructions belong to their request; a system's message in the input to the conversation.
TEST_F(ServerTest, ResponsesLoseNothingOfTheConversation) {
  const auto post = [&](const std::string& fields) {
    return Post("/v1/responses",
                R"({"max_output_tokens":4,"ignore_eos":true,"seed":1,)" + fields + "}")
        .json();
  };
  const auto tokens = [](const Json& json) { return *At(json, {"usage", "input_tokens"}).AsInt(); };
  const std::string system = R"({"role":"system","content":"You are a very old fox."})";
  const auto first = [&](const std::string& more) {
    return post(R"("input":[)" + system + R"(,{"role":"user","content":"Who?"}])" + more);
  };
  const Json plain = first(""), instructed = first(R"(,"instructions":"Be brief, and be kind.")");
  EXPECT_GT(tokens(instructed), tokens(plain));
  const auto next = [&](const Json& from, const std::string& more) {
    return tokens(
        post(R"("input":"Go on.","previous_response_id":")" + Text(from, {"id"}) + "\"" + more));
  };
  const std::string other = R"(,"instructions":"Sing.")";
  // As if it had never had instructions; and new ones come to what was there.
  const auto answer = [](const Json& json) {
    return Text(json, {"output", "0", "content", "0", "text"});
  };
  const Json again = post(R"("input":[)" + system + R"(,{"role":"user","content":"Who?"},
      {"role":"assistant","content":)" +
                          Json(answer(instructed)).Dump() + R"(},
      {"role":"user","content":"Go on."}])");
  EXPECT_EQ(next(instructed, ""), tokens(again));
  const Json sung = post(R"("instructions":"Sing.","input":[)" + system +
                         R"(,{"role":"user","content":"Who?"},{"role":"assistant","content":)" +
                         Json(answer(plain)).Dump() + R"(},{"role":"user","content":"Go on."}])");
  EXPECT_EQ(next(plain, other), tokens(sung));
  EXPECT_GT(next(plain, other), next(plain, ""));
}

TEST_F(ServerTest, WhatAResponseCannotHaveIsSaid) {
  for (const char* field : {R"("conversation":"conv_1")", R"("conversation":{"id":"conv_1"})",
                            R"("prompt":{"id":"pmpt_1"})"}) {
    const Reply reply =
        Post("/v1/responses", fmt::format(R"({{"input":"a","max_output_tokens":1,{}}})", field));
    EXPECT_EQ(reply.status, 400) << field;
    EXPECT_NE(reply.body.find("not supported"), std::string::npos) << reply.body;
  }
  ServerOptions options = TestServer::OneThread();
  options.api.strict = true;
  const TestServer strict(options);
  const std::pair<const char*, const char*> refused[] = {
      {R"({"input":"a","max_output_tokens":1,"max_tool_calls":3})", "max_tool_calls"},
      {R"({"input":[{"type":"web_search_call","id":"w"}],"max_output_tokens":1})",
       "input[0]:web_search_call"}};
  for (const auto& [body, names] : refused) {
    EXPECT_EQ(Post("/v1/responses", body).status, 200) << body;
    const Reply reply = strict.Post("/v1/responses", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NE(reply.body.find(names), std::string::npos) << reply.body;
  }
  EXPECT_EQ(strict.Post("/v1/responses", R"({"input":"a","max_output_tokens":1})").status, 200);
}

TEST_F(ServerTest, ResponsesAsAStreamOfEvents) {
  const Reply reply =
      Post("/v1/responses", R"({"input":"Tell me.","max_output_tokens":12,"stream":true,
      "reasoning":{"effort":"high","max_tokens":3},)" +
                                Endless() + "}");
  std::string types;
  std::int64_t number = 0;
  for (const Json& event : reply.Events()) {
    EXPECT_EQ(Text(event, {"sequence_number"}), std::to_string(number++));
    const std::string type = Text(event, {"type"}).substr(9);
    if (!type.ends_with(".delta")) types += type + " ";
  }
  EXPECT_EQ(types,
            "created in_progress output_item.added reasoning_text.done output_item.done "
            "output_item.added content_part.added output_text.done content_part.done "
            "output_item.done incomplete ");
}

TEST_F(ServerTest, SlotsAndProps) {
  const auto busy = [&](const Json& slots) {
    return std::ranges::count_if(
        *slots.AsArray(), [](const Json& slot) { return *At(slot, {"is_processing"}).AsBool(); });
  };
  const Json idle = server_->Get("/slots").json();
  ASSERT_EQ(idle.AsArray()->size(), 8u) << idle.Dump();
  EXPECT_EQ(busy(idle), 0);
  EXPECT_EQ(Text(idle, {"7", "n_ctx"}), "2048");
  SocketClient client(server_->port());
  const std::string body = Chat(R"("max_tokens":1900,"ignore_eos":true,"stream":true)");
  client.Send(PostText("/v1/chat/completions", body));
  client.ReadUntil("\"content\":\"");
  const Json slots = server_->Get("/slots").json();
  EXPECT_EQ(busy(slots), 1);
  EXPECT_EQ(Text(slots, {"0", "state"}), "answering");
  client.Close();
  EXPECT_TRUE(server_->IsIdleSoon());
  const Json props = server_->Get("/props").json();
  EXPECT_EQ(Text(props, {"total_slots"}), "8");
  EXPECT_EQ(Text(props, {"default_generation_settings", "n_ctx"}), "2048");
  EXPECT_EQ(Text(props, {"model_alias"}), "embedded");
}

TEST_F(ServerTest, TextsToTokensAndBack) {
  const Json ids = Post("/tokenize", R"({"content":"Once upon <think>"})").json();
  EXPECT_GT(*At(ids, {"count"}).AsInt(), 3);
  const Json text = Post("/detokenize", R"({"tokens":)" + At(ids, {"tokens"}).Dump() + "}").json();
  EXPECT_EQ(Text(text, {"content"}), "Once upon <think>");
  EXPECT_EQ(Post("/detokenize", R"({"tokens":[999999]})").status, 400);
  const Json prompt =
      Post("/apply-template", R"({"messages":[{"role":"user","content":"a"}]})").json();
  EXPECT_NE(Text(prompt, {"prompt"}).find("a<\uFF5CAssistant\uFF5C>"), std::string::npos);
}

TEST_F(ServerTest, WhatIsWrongIsNamed) {
  struct Case {
    const char *path, *body;
    int status;
    const char* says;
  };
  const std::string user = R"("messages":[{"role":"user","content":"a"}])";
  const std::vector<std::pair<std::string, std::pair<int, std::string>>> chats = {
      {"{", {400, "not JSON"}},
      {"[1]", {400, "found array"}},
      {"\xFF\xFE", {400, "not JSON"}},
      {"{}", {400, "messages"}},
      {R"({"messages":[]})", {400, "messages: found none"}},
      {R"({"messages":[{"role":"king","content":"a"}]})", {400, "role: found 'king'"}},
      {R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})", {400, "image_url"}},
      {"{" + user + R"(,"temperature":"hot"})", {400, "temperature: found string"}},
      {"{" + user + R"(,"top_logprobs":3})", {400, "top_logprobs: needs logprobs"}},
      {"{" + user + R"(,"stop":["a",1]})", {400, "stop: found 1"}},
      {"{" + user + R"(,"seed":1.5})", {400, "seed: found"}},
      {"{" + user + R"(,"max_tokens":0})", {400, "max_tokens: found 0"}},
      {"{" + user + R"(,"max_tokens":5000})", {400, "maximum context length is 2048 tokens"}},
      {"{" + user + R"(,"n":17})", {400, "n: found 17"}},
      {"{" + user + R"(,"model":"gpt"})", {404, "model_not_found"}},
      {"{" + user + R"(,"tools":[{"type":"function"}]})", {400, "tools[0].function"}},
      {"{" + user + R"(,"tool_choice":{"type":"function","function":{"name":"f"}}})",
       {400, "not among the tools"}},
      {"{" + user + R"(,"tool_choice":"required","tools":[{"type":"function",
          "function":{"name":"f","parameters":{"oneOf":[]}}}]})",
       {400, "f.parameters: oneOf is not supported for arguments"}},
      {"{" + user + R"(,"tool_choice":"required"})", {400, "there are no tools"}},
      {"{" + user + R"(,"response_format":{"type":"xml"}})", {400, "found 'xml'"}},
      {"{" + user + R"(,"response_format":{"type":"json_schema","json_schema":{"schema":
          {"type":"object","patternProperties":{}}}}})",
       {400, "patternProperties"}},
      {"{" + user + R"(,"thinking":{"type":"sometimes"}})", {400, "sometimes"}},
      {"{" + user + R"(,"logit_bias":{"1":101}})", {400, "-100 to 100"}},
      {"{" + user + R"(,"prompt_logprobs":1})", {400, "prompt_logprobs: not supported"}},
      {"{" + user + R"(,"a":)" + std::string(100, '[') + std::string(100, ']') + "}", {400, ""}},
  };
  for (const auto& [body, expected] : chats) {
    const Reply reply = Post("/v1/chat/completions", body);
    EXPECT_EQ(reply.status, expected.first) << body;
    EXPECT_NE(reply.body.find(expected.second), std::string::npos) << body << "\n" << reply.body;
  }
  const Case others[] = {
      {"/v1/messages", R"({"messages":"a"})", 400, R"({"type":"error")"},
      {"/v1/messages", R"({"messages":[{"role":"user","content":[{"type":"image"}]}]})", 400,
       "image"},
      {"/v1/responses", R"({"input":5})", 400, "input: found"},
      {"/v1/responses", R"({"input":"a","background":true})", 400, "background"},
      {"/v1/completions", R"({"prompt":{}})", 400, "prompt: found object"},
      {"/v1/completions", R"({"max_tokens":1})", 400, "prompt: found nothing"},
      {"/v1/chat/completions", R"({"messages":[{"role":"user","content":"a"}],"tools":{}})", 400,
       R"("param":"tools")"},
      {"/tokenize", "{}", 400, "content: found nothing"},
      {"/v1/completions", R"({"prompt":[99999]})", 400, "below"},
      {"/v1/completions", R"({"prompt":"a","suffix":"b"})", 400, "suffix"},
      {"/v1/embeddings", "{}", 501, "not_implemented"},
      {"/v1/rerank", "{}", 501, "not_implemented"},
  };
  for (const Case& c : others) {
    const Reply reply = Post(c.path, c.body);
    EXPECT_EQ(reply.status, c.status) << c.path << c.body;
    EXPECT_NE(reply.body.find(c.says), std::string::npos) << reply.body;
  }
  EXPECT_EQ(server_->Get("/health").status, 200);
}

TEST_F(ServerTest, ASeededAnswerIsTheSameAloneAndBesideSixteenClients) {
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"/v1/chat/completions", Chat(R"("max_tokens":24,"seed":7,"n":2,"logprobs":true,
           "top_logprobs":3,"presence_penalty":0.5,"return_token_ids":true)")},
      {"/v1/chat/completions", Chat(R"("max_tokens":24,"seed":8,"return_token_ids":true,
           "thinking":{"type":"enabled","budget_tokens":9})")},
      {"/v1/chat/completions", Chat(R"("max_tokens":300,"seed":4,"temperature":2,"logprobs":true,
           "return_token_ids":true,"tool_choice":"required","tools":[{"type":"function",
           "function":{"name":"weather","parameters":{"type":"object","properties":{
           "city":{"type":"string","enum":["Oslo","Lima"]},"days":{"type":"integer"}},
           "required":["city","days"],"additionalProperties":false}}}])")},
      {"/v1/completions",
       R"({"prompt":"Once upon a time","max_tokens":24,"seed":9,"logprobs":3})"}};
  const auto answer = [&](const auto& request) {
    const Reply reply = Post(request.first, request.second);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return std::regex_replace(At(reply.json(), {"choices"}).Dump(),
                              std::regex(R"("call_[0-9A-Za-z]+")"), "an id");
  };
  std::vector<std::string> alone;
  for (const auto& request : requests) alone.push_back(answer(request));
  EXPECT_NE(alone[2].find(R"("finish_reason":"tool_calls")"), std::string::npos) << alone[2];
  std::atomic<bool> stop = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 16; ++i)
    others.emplace_back([&, i] {
      for (int round = 0; !stop; ++round)
        Post("/v1/completions",
             fmt::format(R"({{"prompt":"{}","max_tokens":{},"seed":{}}})",
                         std::string(std::size_t(40 * i + 1), 'a'), 5 + i, round));
    });
  for (std::size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(answer(requests[i]), alone[i]);
  stop = true;
  for (std::thread& other : others) other.join();
}

// Long before its answer would have ended, whatever it reads of it.
TEST_F(ServerTest, AClientThatGoesStopsItsAnswer) {
  const auto counter = [&](const std::string& name) {
    const std::string text = server_->Get("/metrics").body;
    return std::atof(text.c_str() + text.find(name) + name.size());
  };
  const std::string generated =
                        "hadal:generation_tokens_total{model_name=\"embedded\",engine=\"0\"}",
                    aborted =
                        "hadal:request_success_total{model_name=\"embedded\",engine=\"0\","
                        "finished_reason=\"abort\"}";
  const std::string chat = Chat(R"("max_tokens":1900,"ignore_eos":true,"temperature":0)");
  const std::pair<const char*, std::string> requests[] = {
      {"/v1/chat/completions", chat.substr(0, chat.size() - 1) + R"(,"stream":true})"},
      {"/v1/chat/completions", chat},
      {"/v1/messages", chat},
      {"/v1/responses",
       R"({"input":"a","max_output_tokens":1900,"ignore_eos":true,"stream":true})"}};
  for (const auto& [path, body] : requests) {
    const double tokens = counter(generated), aborts = counter(aborted);
    SocketClient client(server_->port());
    client.Send(PostText(path, body));
    for (int i = 0; i < 1000 && counter(generated) < tokens + 5; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_GE(counter(generated), tokens + 5) << path;
    client.Close();
    EXPECT_TRUE(server_->IsIdleSoon());
    EXPECT_LT(counter(generated), tokens + 600) << path;
    EXPECT_EQ(counter(aborted), aborts + 1) << path;
  }
}

// Every name that dashboards of vLLM ask for, under both prefixes.
TEST(Server, MetricsHaveVllmsNames) {
  for (const bool vllm : {false, true}) {
    ServerOptions options = TestServer::OneThread();
    options.vllm_metrics = vllm;
    const TestServer server(options);
    server.Post("/v1/completions", R"({"prompt":"a","max_tokens":3,"n":2,)" + Endless() + "}");
    const std::string text = server.Get("/metrics").body;
    const std::string prefix = vllm ? "vllm:" : "hadal:";
    const auto value = [&](const std::string& name, const std::string& labels = {}) {
      const std::string begin =
          "\n" + name + "{model_name=\"embedded\",engine=\"0\"" + labels + "} ";
      const std::size_t at = text.find(begin);
      return at == text.npos ? -1.0 : std::atof(text.c_str() + at + begin.size());
    };
    for (const char* name :
         {"num_requests_running", "num_requests_waiting", "kv_cache_usage_perc",
          "prefix_cache_queries_total", "prefix_cache_hits_total", "num_preemptions_total"})
      EXPECT_GE(value(prefix + name), 0) << name;
    EXPECT_EQ(value(prefix + "generation_tokens_total"), 6);
    EXPECT_GT(value(prefix + "prompt_tokens_total"), 0);
    EXPECT_EQ(value(prefix + "request_success_total", ",finished_reason=\"length\""), 2);
    EXPECT_NE(text.find(prefix + "cache_config_info{"), text.npos);
    for (const char* name :
         {"time_to_first_token_seconds", "inter_token_latency_seconds",
          "time_per_output_token_seconds", "e2e_request_latency_seconds",
          "request_queue_time_seconds", "request_prefill_time_seconds",
          "request_decode_time_seconds", "request_inference_time_seconds", "request_prompt_tokens",
          "request_generation_tokens", "request_params_max_tokens", "request_params_n",
          "iteration_tokens_total"}) {
      EXPECT_NE(text.find("# TYPE " + prefix + name + " histogram\n"), text.npos) << name;
      EXPECT_GT(value(prefix + name + "_count"), 0) << name;
      EXPECT_GE(value(prefix + name + "_sum"), 0) << name;
      EXPECT_EQ(value(prefix + name + "_bucket", ",le=\"+Inf\""), value(prefix + name + "_count"))
          << name;
    }
    EXPECT_EQ(value(prefix + "request_params_n_sum"), 2);
    EXPECT_EQ(value(prefix + "request_params_max_tokens_sum"), 3);
    EXPECT_GE(value(prefix + "e2e_request_latency_seconds_bucket", ",le=\"7680\""), 1);
    for (const char* name : {"cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds",
                             "virtual_memory_bytes", "start_time_seconds"})
      EXPECT_NE(text.find(fmt::format("\nprocess_{} ", name)), text.npos) << name;
  }
}

TEST_F(ServerTest, MetricsCountWhatWasDone) {
  Post("/v1/completions", R"({"prompt":"a","max_tokens":3})");
  const std::string text = server_->Get("/metrics").body;
  for (const char* name : {"hadal:num_requests_running{model_name=\"embedded\"",
                           "hadal:time_to_first_token_seconds_count", "hadal:request_success_total",
                           "http_requests_total{handler=\"/v1/completions\"",
                           "process_resident_memory_bytes", "hadal:iteration_tokens_total_bucket"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
}

TEST(Server, GuessesChangeNoTextAndAreCounted) {
  const std::string body = Chat(R"("max_tokens":40,"seed":3,"ignore_eos":true)");
  TestServer plain;
  const Reply want = plain.Post("/v1/chat/completions", body);
  ServerOptions options = TestServer::Options();
  options.engine.speculate = {.drafting = engine::Drafting::kMtp, .depth = 2};
  TestServer server(options);
  const Reply got = server.Post("/v1/chat/completions", body);
  EXPECT_EQ(Text(got.json(), {"choices", "0", "message", "content"}),
            Text(want.json(), {"choices", "0", "message", "content"}));
  const std::string metrics = server.Get("/metrics").body;
  for (const char* name :
       {"spec_decode_num_drafts_total{", "spec_decode_num_draft_tokens_total{",
        "spec_decode_num_accepted_tokens_total{", "spec_decode_num_accepted_tokens_per_pos_total{"})
    EXPECT_NE(metrics.find(name), std::string::npos) << metrics;
  for (const char* position : {"position=\"0\"", "position=\"1\""})
    EXPECT_NE(metrics.find(position), std::string::npos) << metrics;
}

// Where a request does not say how long its answer may be, in all APIs that have it so.
TEST(Server, AnswersHaveADefaultLength) {
  ServerOptions options = TestServer::OneThread();
  options.api.max_tokens = 5;
  const TestServer five(options);
  const std::string chat = Chat(R"("ignore_eos":true,"seed":1)");
  const auto tokens = [](const TestServer& server, const char* path, const std::string& body,
                         const char* count) {
    const Json json = server.Post(path, body).json();
    return Text(json, {"usage", count});
  };
  EXPECT_EQ(tokens(five, "/v1/chat/completions", chat, "completion_tokens"), "5");
  EXPECT_EQ(tokens(five, "/v1/messages", chat, "output_tokens"), "5");
  EXPECT_EQ(tokens(five, "/v1/responses", R"({"input":"a","ignore_eos":true})", "output_tokens"),
            "5");
  EXPECT_EQ(tokens(five, "/v1/chat/completions",
                   Chat(R"("ignore_eos":true,"seed":1,"max_tokens":9)"), "completion_tokens"),
            "9");
  options.api.max_tokens.reset();
  options.model.directory.clear();  // the embedded model
  const TestServer embedded(options);
  EXPECT_EQ(tokens(embedded, "/v1/chat/completions", chat, "completion_tokens"), "256");
}

TEST(Server, RefusesWhatItCannotQueue) {
  ServerOptions options = TestServer::Options();
  options.engine.parallel = 1;
  options.limits.queue = 0;
  TestServer server(options);
  SocketClient first(server.port());
  const std::string body = Chat(R"("max_tokens":1900,"ignore_eos":true,"stream":true)");
  first.Send(PostText("/v1/chat/completions", body));
  first.ReadUntil("\"content\":\"");
  const Reply refused = server.Post("/v1/chat/completions", Chat(R"("max_tokens":4)"));
  EXPECT_EQ(refused.status, 429) << refused.body;
  EXPECT_NE(refused.head.find("retry-after: "), std::string::npos);
  EXPECT_EQ(server.Post("/v1/messages", Chat(R"("max_tokens":4)")).status, 429);
}

// What the listener refuses is in the API's form, and has the request's id.
TEST(Server, LargeRequestsAreRefusedInTheApisForm) {
  ServerOptions options = TestServer::OneThread();
  options.body_bytes = 1024;
  options.listener.header_bytes = 4096;
  const TestServer server(options);
  const std::string body = Chat(R"("max_tokens":1,"user":")" + std::string(2000, 'a') + "\"");
  const Reply messages = server.Post("/v1/messages", body, "x-request-id: mine\r\n");
  EXPECT_EQ(messages.status, 413) << messages.head;
  EXPECT_EQ(Text(messages.json(), {"type"}), "error") << messages.body;
  EXPECT_EQ(Text(messages.json(), {"error", "type"}), "request_too_large");
  EXPECT_EQ(Text(messages.json(), {"request_id"}), "mine");
  EXPECT_NE(messages.head.find("x-request-id: mine"), std::string::npos) << messages.head;
  const Reply chat = server.Post("/v1/chat/completions", body);
  EXPECT_EQ(chat.status, 413);
  EXPECT_EQ(Text(chat.json(), {"error", "type"}), "invalid_request_error") << chat.body;
  const Reply headers = server.Post("/v1/messages", "{}", "x: " + std::string(5000, 'a') + "\r\n");
  EXPECT_EQ(headers.status, 431);
  EXPECT_EQ(Text(headers.json(), {"type"}), "error") << headers.body;
  EXPECT_NE(headers.head.find("x-request-id: "), std::string::npos);
  EXPECT_NE(server.Get("/metrics").body.find("status=\"413\""), std::string::npos);
}

TEST(Server, ReadyInUnderASecond) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer takes its time";
#endif
  const Stopwatch clock;
  TestServer server;
  EXPECT_EQ(server.Get("/health").status, 200);
  EXPECT_LT(clock.seconds(), 1.0);
}

TEST(Server, LetsRequestsEndWhenItIsToStop) {
  TestServer server;
  Reply reply;
  std::thread client([&] {
    reply = server.Post("/v1/chat/completions", Chat(R"("max_tokens":200,"ignore_eos":true)"));
  });
  while (server.Running() == 0) std::this_thread::yield();
  server.BeginStop();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  EXPECT_FALSE(SocketClient(server.port()).connected());
  client.join();
  server.Stop();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(Text(reply.json(), {"usage", "completion_tokens"}), "200");
}

TEST(Server, RequestsUnderWayAreCutWhenTheirTimeIsOver) {
  ServerOptions options = TestServer::Options();
  options.drain_seconds = 0;
  TestServer server(options);
  Reply reply;
  std::thread client([&] {
    reply = server.Post("/v1/chat/completions", Chat(R"("max_tokens":1900,"ignore_eos":true)"));
  });
  while (server.Running() == 0) std::this_thread::yield();
  const Stopwatch clock;
  server.Stop();
  client.join();
  EXPECT_LT(clock.seconds(), 3.0);
  EXPECT_EQ(reply.status, 503) << reply.body;
}

TEST(Server, NoAddressBeyondThisMachineWithoutAKey) {
  ServerOptions options = TestServer::Options();
  options.listener.host = "0.0.0.0";
  const auto refused = Server::Open(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().what.find("--api-key"), std::string::npos);
  options.api_keys = {"secret"};
  TestServer server(options);
  EXPECT_EQ(server.Get("/v1/models").status, 401);
  EXPECT_EQ(server.Get("/v1/models", "Authorization: Bearer secret\r\n").status, 200);
}

}  // namespace
}  // namespace hadal::server
