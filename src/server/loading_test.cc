#include "server/loading.h"

#include <gtest/gtest.h>

#include "server/test_server_test.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

// One that was free a moment ago.
std::uint16_t FreePort() {
  Loop loop(1);
  auto listener = Listener::Open(loop, {.port = 0}, {}, {});
  return listener.ok() ? (*listener)->port() : 0;
}

// A folder of states wants the digest of all weights: while they are read, clients come.
TEST(Loading, WhoAsksMeanwhileIsToldSo) {
  const testing::TempFolder folder;
  ServerOptions options = TestServer::OneThread();
  options.listener.port = FreePort();
  options.engine.disk.folder = folder.path();
  std::vector<Reply> told;
  options.engine.disk.on_reading = [&](std::uint64_t, std::uint64_t) {
    if (!told.empty()) return;
    told.push_back(Ask(options.listener.port, "GET", "/health"));
    told.push_back(Ask(options.listener.port, "POST", "/v1/chat/completions", "{}"));
    told.push_back(Ask(options.listener.port, "POST", "/v1/messages", "{}"));
  };
  const TestServer server(options);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].status, 503);
  EXPECT_EQ(told[0].body,
            R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})");
  EXPECT_EQ(told[1].status, 503);
  EXPECT_NE(told[1].head.find("retry-after: "), std::string::npos) << told[1].head;
  EXPECT_EQ(Text(told[1].json(), {"error", "message"}), "Loading model");
  EXPECT_EQ(told[2].status, 529);
  EXPECT_EQ(Text(told[2].json(), {"error", "type"}), "overloaded_error") << told[2].body;
  EXPECT_EQ(server.Get("/health").status, 200);
}

}  // namespace
}  // namespace hadal::server
