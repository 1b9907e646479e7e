// Many requests of every kind, many of which are cut short or left: nothing is kept of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "base/free_memory.h"
#include "base/progress.h"
#include "server/test_server_test.h"
#include "testing/sanitized.h"

namespace hadal::server {
namespace {

constexpr const char* kFunction =
    R"("name":"weather","{}":{{"type":"object","properties":{{"city":{{"enum":["Oslo","Lima"]}},
       "days":{{"type":"integer","minimum":1,"maximum":9}}}},"required":["city","days"],
       "additionalProperties":false}})";

std::string Function(const char* schema) { return fmt::format(fmt::runtime(kFunction), schema); }

// As with --cache-ram 4M: states of texts fill what requests leave of their memory, and this.
ServerOptions WithPrefixes() {
  ServerOptions options = TestServer::OneThread();
  options.engine.prefix_bytes = 4 << 20;
  return options;
}

class Soak : public ::testing::Test {
 protected:
  struct Held {
    double kept_mb, others_mb;  // what the server says that it keeps for later, and all else
    double files;
  };
  Held HeldNow() const {
    const std::string text = server_.Get("/metrics").body;
    const std::size_t at = text.find("\nprocess_open_fds ");
    const Json memory = At(server_.Get("/hadal/status").json(), {"memory"});
    double kept = 0;
    for (const auto& keys : {std::initializer_list<const char*>{"kv", "used_bytes"},
                             {"kept", "grammars"},
                             {"kept", "turns"},
                             {"kept", "responses"}})
      kept += At(memory, keys).AsNumber().value();
    ReturnFreeMemory();
    return {1e-6 * kept, 1e-6 * (static_cast<double>(AnonymousResidentBytes()) - kept),
            std::atof(text.c_str() + at + 18)};
  }

  void Run(int requests) {
    for (int i = 0; i < requests; ++i) One();
    EXPECT_TRUE(server_.IsIdleSoon());
  }
  // Peaks with the start, and of one half with those of the other.
  void Check(int requests, double allowed_mb, double drift_mb) {
#if defined(HADAL_SANITIZED)
    GTEST_SKIP() << "a sanitizer keeps what is freed";
#endif
    constexpr int kEach = 50;
    const Held start = HeldNow();
    Run(4 * kEach);
    const double files = HeldNow().files;
    double peaks[2] = {0, 0};
    for (int done = 0; done < requests; done += kEach) {
      Run(kEach);
      double& peak = peaks[2 * done >= requests ? 1 : 0];
      peak = std::max(peak, HeldNow().others_mb);
    }
    const Held end = HeldNow();
    std::printf(
        "%.1f MB at the start; beside what is kept, %.1f MB now, peaks of the halves %.1f and "
        "%.1f MB\n",
        start.others_mb, end.kept_mb, peaks[0], peaks[1]);
    EXPECT_LT(peaks[1], start.others_mb + allowed_mb);
    EXPECT_LT(peaks[1], peaks[0] + drift_mb);
    EXPECT_GT(end.kept_mb, 4);  // or there would be nothing to keep apart
    EXPECT_LE(end.files, files + 1);
  }

 private:
  struct Asked {
    const char* path;
    std::string body;
  };
  // One in twenty answers is long, and one in ten requests is wrong.
  Asked Draw() {
    const auto tokens = random_() % 20 == 0 ? 200 : random_() % 12 + 1;
    const char* stream = random_() % 2 != 0 ? "true" : "false";
    const std::string text(random_() % 300 + 1, 'a');
    const std::string chat =
        fmt::format(R"("messages":[{{"role":"user","content":"{}"}}],"max_tokens":{},"stream":{})",
                    text, tokens, stream);
    const std::string input =
        fmt::format(R"("input":"{}","max_output_tokens":{},"stream":{})", text, tokens, stream);
    switch (random_() % 10) {
      case 0:
      case 1:
        return {"/v1/completions", fmt::format(R"({{"prompt":"{}","max_tokens":{},"stream":{},
                  "logprobs":{}}})",
                                               text, tokens, stream, random_() % 5)};
      case 2:
        return {"/v1/chat/completions",
                "{" + chat + R"(,"n":3,"logprobs":true,"top_logprobs":20})"};
      case 3:
        return {"/v1/chat/completions", "{" + chat +
                                            R"(,"temperature":2,"tool_choice":"required","tools":[
                  {"type":"function","function":{)" +
                                            Function("parameters") + "}}]}"};
      case 4:
        return {"/v1/chat/completions",
                "{" + chat + R"(,"temperature":2,"response_format":{"type":"json_object"}})"};
      case 5:
        return {"/v1/messages",
                "{" + chat + R"(,"thinking":{"type":"enabled","budget_tokens":5}})"};
      case 6:
        return {"/v1/messages", "{" + chat + R"(,"tool_choice":{"type":"any"},"tools":[{)" +
                                    Function("input_schema") + "}]}"};
      case 7:
        return {"/v1/responses", "{" + input + "}"};
      case 8:
        return {"/tokenize", R"({"content":")" + text + "\"}"};
      default:
        return {"/v1/responses", "{" + input + R"(,"previous_response_id":"resp_none"})"};
    }
  }

  void One() {
    const auto [path, body] = Draw();
    const bool cut = random_() % 5 == 0;
    SocketClient client(server_.port());
    std::string text = PostText(path, body, "Connection: close\r\n");
    if (cut) text.resize(text.size() - body.size() + 9);
    client.Send(text);
    const auto patience = cut ? 0 : random_() % 4;  // it goes at once, early, or after the answer
    if (patience == 1) client.ReadUntil("\r\n\r\n");
    if (patience > 1) client.ReadAll();
  }

  TestServer server_{WithPrefixes()};
  std::mt19937 random_{1};
};

TEST_F(Soak, TwoThousandRequestsLeaveNothing) { Check(2000, 14, 3); }

}  // namespace
}  // namespace hadal::server
