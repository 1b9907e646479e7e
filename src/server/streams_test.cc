// What streams of /v1/messages and /v1/responses come to is the whole answer: blocks in its order,
// calls that were cut too, alone and beside others.
#include <gtest/gtest.h>

#include "server/test_server_test.h"

namespace hadal::server {
namespace {

// A block or item as a line: its kind, and its text, or a call's name. What a call that was cut has
// of its arguments, streams tell as a text and messages as an object: not compared.
using Lines = std::vector<std::string>;

Lines OfMessage(const Json& json) {
  Lines lines;
  for (const Json& block : *At(json, {"content"}).AsArray()) {
    const std::string type = Text(block, {"type"});
    if (type != "tool_use") {
      lines.push_back(type + " " + Text(block, {type == "text" ? "text" : "thinking"}));
      continue;
    }
    EXPECT_NE(At(block, {"input"}).AsObject(), nullptr) << block.Dump();
    EXPECT_EQ(At(block, {"input"}).Find("arguments"), nullptr) << block.Dump();
    lines.push_back(type + " " + Text(block, {"name"}));
  }
  lines.push_back(Text(json, {"stop_reason"}));
  return lines;
}

Lines OfMessageStream(const Reply& reply) {
  Lines lines;
  for (const Json& event : reply.Events()) {
    const std::string type = Text(event, {"type"});
    const Json& block = At(event, {"content_block"});
    const Json& delta = At(event, {"delta"});
    if (type == "content_block_start") {
      const std::string kind = Text(block, {"type"});
      lines.push_back(kind + " " + (kind == "tool_use" ? Text(block, {"name"}) : ""));
    } else if (type == "content_block_delta") {
      const std::string kind = Text(delta, {"type"});
      if (kind == "text_delta") lines.back() += Text(delta, {"text"});
      if (kind == "thinking_delta") lines.back() += Text(delta, {"thinking"});
    } else if (type == "message_delta") {
      lines.push_back(Text(delta, {"stop_reason"}));
    }
  }
  return lines;
}

// With arguments, which both tell as a text, and the items' states.
Lines OfResponse(const Json& response) {
  Lines lines;
  for (const Json& item : *At(response, {"output"}).AsArray()) {
    const std::string type = Text(item, {"type"});
    const bool call = type == "function_call";
    lines.push_back(type + " " + Text(item, {"status"}) + " " +
                    (call ? Text(item, {"name"}) + Text(item, {"arguments"})
                          : Text(item, {"content", "0", "text"})));
  }
  lines.push_back(Text(response, {"status"}));
  return lines;
}

// What its events tell, which is what its last event holds too.
Lines OfResponseStream(const Reply& reply) {
  Json::Array items;
  const std::vector<Json> events = reply.Events();
  for (const Json& event : events)
    if (Text(event, {"type"}) == "response.output_item.done") items.push_back(At(event, {"item"}));
  Json told = Json::MakeObject({});
  told.Set("output", std::move(items));
  const Json& response = At(events.back(), {"response"});
  told.Set("status", At(response, {"status"}));
  const Lines lines = OfResponse(told);
  EXPECT_EQ(lines, OfResponse(response));
  return lines;
}

struct Case {
  const char* path;
  std::string fields;
};

constexpr const char* kTool =
    R"({"type":"object","properties":{"city":{"type":"string","enum":["Oslo","Lima"]},
        "days":{"type":"integer"}},"required":["city","days"],"additionalProperties":false})";

std::vector<Case> Cases(int seed, int max_tokens) {
  const std::string messages =
      fmt::format(R"({},"temperature":2,"seed":{},"max_tokens":{})", kFox, seed, max_tokens);
  const std::string responses =
      fmt::format(R"("input":"Tell me about a fox.","temperature":2,"seed":{},
                     "max_output_tokens":{})",
                  seed, max_tokens);
  return {{"/v1/messages", messages + R"(,"thinking":{"type":"enabled","budget_tokens":9})"},
          {"/v1/messages", messages + fmt::format(R"(,"tool_choice":{{"type":"any"}},
                                     "tools":[{{"name":"weather","input_schema":{}}}])",
                                                  kTool)},
          {"/v1/responses", responses + R"(,"reasoning":{"effort":"high","max_tokens":9})"},
          {"/v1/responses", responses + fmt::format(R"(,"tool_choice":"required","tools":[
                           {{"type":"function","name":"weather","parameters":{}}}])",
                                                    kTool)}};
}

class StreamsTest : public SharedServerTest {
 protected:
  static Lines Answer(const Case& c, bool stream) {
    const Reply reply =
        server_->Post(c.path, "{" + c.fields + (stream ? R"(,"stream":true})" : "}"));
    EXPECT_EQ(reply.status, 200) << reply.body;
    const bool messages = std::string(c.path) == "/v1/messages";
    if (stream) return messages ? OfMessageStream(reply) : OfResponseStream(reply);
    return messages ? OfMessage(reply.json()) : OfResponse(reply.json());
  }
};

// In the pieces of the text, at the text's end, and in the items of the end: the same everywhere.
TEST_F(StreamsTest, LogprobsOfAResponseComeWithItsText) {
  const std::string body = R"({"input":"Tell me about a fox.","max_output_tokens":12,"seed":1,
      "top_logprobs":2,"thinking":{"type":"enabled","budget_tokens":4},)" +
                           Endless();
  const auto of_message = [](const Json& response) {
    return At(response, {"output", "1", "content", "0", "logprobs"});
  };
  const Json whole = of_message(server_->Post("/v1/responses", body + "}").json());
  ASSERT_NE(whole.AsArray(), nullptr);
  ASSERT_EQ(whole.AsArray()->size(), 7u) << whole.Dump();  // less 4, and what closes them
  EXPECT_EQ(At(whole, {"0", "top_logprobs"}).AsArray()->size(), 2u);
  Json::Array pieces;
  const std::vector<Json> events =
      server_->Post("/v1/responses", body + R"(,"stream":true})").Events();
  for (const Json& event : events) {
    const std::string type = Text(event, {"type"});
    const Json& logprobs = At(event, {"logprobs"});
    if (type == "response.output_text.delta")
      pieces.insert(pieces.end(), logprobs.AsArray()->begin(), logprobs.AsArray()->end());
    if (type == "response.output_text.done") {
      EXPECT_EQ(logprobs.Dump(), whole.Dump());
    }
    if (type == "response.content_part.done") {
      EXPECT_EQ(At(event, {"part", "logprobs"}).Dump(), whole.Dump());
    }
  }
  EXPECT_EQ(Json(pieces).Dump(), whole.Dump());
  EXPECT_EQ(of_message(At(events.back(), {"response"})).Dump(), whole.Dump());
}

TEST_F(StreamsTest, AreTheWholeAnswerWhereverItIsCut) {
  for (int seed = 1; seed < 6; ++seed)
    for (const int max_tokens : {8, 16, 25, 40, 55, 400})
      for (const Case& c : Cases(seed, max_tokens)) {
        const Lines whole = Answer(c, false);
        EXPECT_EQ(Answer(c, true), whole) << c.path << " {" << c.fields << "}";
        if (c.fields.find("tools") == c.fields.npos) continue;
        for (const std::string& line : whole)
          EXPECT_EQ(line.find("DSML"), line.npos) << c.path << " {" << c.fields << "}\n" << line;
      }
}

TEST_F(StreamsTest, AreTheSameBesideSixteenClients) {
  std::vector<Lines> alone;
  const std::vector<Case> cases = Cases(3, 60);
  for (const Case& c : cases) alone.push_back(Answer(c, true));
  std::atomic<bool> stop = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 16; ++i)
    others.emplace_back([&, i] {
      for (int round = 0; !stop; ++round)
        server_->Post("/v1/completions",
                      fmt::format(R"({{"prompt":"{}","max_tokens":{},"seed":{}}})",
                                  std::string(std::size_t(40 * i + 1), 'a'), 5 + i, round));
    });
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (const bool stream : {true, false})
      EXPECT_EQ(Answer(cases[i], stream), alone[i]) << cases[i].path;
  stop = true;
  for (std::thread& other : others) other.join();
}

}  // namespace
}  // namespace hadal::server
