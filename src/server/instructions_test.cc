// Where a prompt leaves the word to the model, and what the answer is then.
#include <gtest/gtest.h>

#include "server/test_server_test.h"

namespace hadal::server {
namespace {

class InstructionsTest : public SharedServerTest {};

// The formats open a reply behind a question alone.
TEST_F(InstructionsTest, InstructionsBehindAQuestionBelongToIt) {
  const auto prompt = [&](const std::string& fields) {
    return Text(server_->Post("/apply-template", "{" + fields + "}").json(), {"prompt"});
  };
  const std::string joined = prompt(R"("messages":[{"role":"user","content":"q\n\ns"}])");
  for (const char* role : {"system", "developer"})
    EXPECT_EQ(
        prompt(fmt::format(
            R"("messages":[{{"role":"user","content":"q"}},{{"role":"{}","content":"s"}}])", role)),
        joined);
  const std::string thinking =
      R"("thinking":{"type":"enabled"},"messages":[{"role":"user","content":"q"}])";
  std::string instructed = thinking;
  instructed.insert(instructed.find("{\"role"), R"({"role":"developer","content":"In French."},)");
  EXPECT_NE(prompt(instructed).find("In French."), std::string::npos);
  const Json counted = server_
                           ->Post("/v1/messages/count_tokens",
                                  R"({"messages":[{"role":"user","content":"q"},
                                {"role":"system","content":"s"}]})")
                           .json();
  const Json together = server_
                            ->Post("/v1/messages/count_tokens",
                                   R"({"messages":[{"role":"user","content":"q\n\ns"}]})")
                            .json();
  EXPECT_EQ(Text(counted, {"input_tokens"}), Text(together, {"input_tokens"}));
}

// What stands behind a prompt that opens no reasoning is the answer.
TEST_F(InstructionsTest, ReasoningIsWhereThePromptOpensIt) {
  const auto message = [&](const char* asked) {
    const Reply reply = server_->Post(
        "/v1/chat/completions", fmt::format(R"({{"messages":[{}],"thinking":{{"type":"enabled"}},
                                 "max_tokens":6,"seed":1,"ignore_eos":true}})",
                                            asked));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return At(reply.json(), {"choices", "0", "message"});
  };
  const Json title = message(R"({"role":"user","content":"A fox","task":"title"})");
  EXPECT_NE(Text(title, {"content"}), "");
  EXPECT_TRUE(At(title, {"reasoning_content"}).is_null()) << title.Dump();
  const Json alone = message(R"({"role":"system","content":"Tell a story."})");
  EXPECT_NE(Text(alone, {"reasoning_content"}), "") << alone.Dump();
}

}  // namespace
}  // namespace hadal::server
