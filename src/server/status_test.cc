// What the server says of itself while it works.
#include <gtest/gtest.h>

#include <algorithm>

#include "server/test_server_test.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

TEST(Status, CountsListAndSlotsAgree) {
  ServerOptions options = TestServer::OneThread();
  options.engine.parallel = 1;
  const TestServer server(options);
  SocketClient runs(server.port(), 60), waits(server.port(), 60);
  runs.Send(PostText("/v1/chat/completions",
                     Chat(R"("max_tokens":1900,"ignore_eos":true,"stream":true)")));
  runs.ReadUntil("\"content\":\"");
  waits.Send(PostText("/v1/chat/completions", Chat(R"("max_tokens":2,"stream":true)")));
  waits.ReadUntil("\r\n\r\n");
  const Json status = server.Get("/hadal/status").json();
  EXPECT_EQ(Text(status, {"requests", "running"}), "1") << status.Dump();
  EXPECT_EQ(Text(status, {"requests", "waiting"}), "1");
  EXPECT_EQ(Text(status, {"requests", "paused"}), "0");
  std::vector<std::string> states;
  for (const Json& each : *At(status, {"requests", "list"}).AsArray())
    states.push_back(Text(each, {"state"}));
  std::ranges::sort(states);
  EXPECT_EQ(states, (std::vector<std::string>{"answering", "waiting"}));
  const Json slots = server.Get("/slots").json();
  EXPECT_EQ(Text(slots, {"0", "state"}), "answering") << slots.Dump();
  const std::string metrics = server.Get("/metrics").body;
  EXPECT_NE(metrics.find("num_requests_running{model_name=\"embedded\",engine=\"0\"} 1"),
            metrics.npos);
  EXPECT_NE(metrics.find("num_requests_waiting{model_name=\"embedded\",engine=\"0\"} 1"),
            metrics.npos);
  runs.Close();
  waits.Close();
  EXPECT_TRUE(server.IsIdleSoon());
}

TEST(Status, TheFolderOfStatesIsCounted) {
  const testing::TempFolder folder;
  ServerOptions options = TestServer::OneThread();
  options.engine.disk.folder = folder.path();
  options.engine.disk.limit_bytes = 1 << 30;
  {
    const TestServer server(options);
    EXPECT_EQ(Text(server.Get("/hadal/status").json(), {"disk", "states"}), "0");
    const std::string text(900, 'a');
    EXPECT_EQ(server.Post("/v1/completions", R"({"max_tokens":2,"prompt":")" + text + "\"}").status,
              200);
  }
  const TestServer again(options);
  const Json disk = At(again.Get("/hadal/status").json(), {"disk"});
  EXPECT_GT(*At(disk, {"states"}).AsInt(), 1000) << disk.Dump();
  EXPECT_GT(*At(disk, {"state_count"}).AsInt(), 0) << disk.Dump();
  EXPECT_EQ(*At(disk, {"limit_bytes"}).AsInt(), 1 << 30);
  for (const char* count : {"written_states", "skipped_states", "restored_states"})
    EXPECT_EQ(Text(disk, {count}), "0") << disk.Dump();
}

}  // namespace
}  // namespace hadal::server
