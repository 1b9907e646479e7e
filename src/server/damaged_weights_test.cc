// What clients hear when the weights are damaged: it is not their requests' fault.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "io/file.h"
#include "server/test_server_test.h"
#include "testing/temp_folder.h"

namespace hadal::server {
namespace {

// The embedded model with a scale that is no number, which every token meets.
void WriteDamaged(const std::string& folder) {
  std::filesystem::copy(testing::EmbeddedFolder(), folder,
                        std::filesystem::copy_options::recursive);
  const std::string path = folder + "/model.safetensors";
  std::string bytes = io::ReadFile(path).value();
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const Json json = ParseJson(std::string_view(bytes).substr(8, header)).value();
  const Json& tensor = *json.Find("layers.1.attn.wq_a.scale");
  ASSERT_EQ(*tensor.Find("dtype")->AsString(), "F8_E8M0");
  const std::uint64_t begin = *(*tensor.Find("data_offsets")->AsArray())[0].AsUnsigned();
  bytes.replace(8 + header + begin, 1, "\xFF");
  ASSERT_TRUE(io::WriteFile(path, bytes).ok());
}

TEST(DamagedWeights, AreTheServersFault) {
  const testing::TempFolder folder;
  ASSERT_NO_FATAL_FAILURE(WriteDamaged(folder.path()));
  ServerOptions options = TestServer::OneThread();
  options.model.directory = folder.path();
  const TestServer server(options);
  const Reply chat = server.Post("/v1/chat/completions", Chat(R"("max_tokens":4)"));
  EXPECT_EQ(chat.status, 500) << chat.body;
  EXPECT_EQ(Text(chat.json(), {"error", "type"}), "server_error");
  EXPECT_NE(Text(chat.json(), {"error", "message"}).find("the weights are damaged"),
            std::string::npos)
      << chat.body;
  const Reply messages = server.Post(
      "/v1/messages", R"({"max_tokens":4,"messages":[{"role":"user","content":"A fox"}]})");
  EXPECT_EQ(messages.status, 500) << messages.body;
  EXPECT_EQ(Text(messages.json(), {"error", "type"}), "api_error");
  // What a request says wrongly is its own fault here too.
  EXPECT_EQ(server.Post("/v1/chat/completions", "{").status, 400);
}

// Cut short and made whole again in place, as a disk that fails for a while.
void Cut(const std::string& path, std::uintmax_t bytes) {
  std::filesystem::resize_file(path, bytes);
}
void Mend(const std::string& path, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush().good());
}

TEST(DamagedWeights, AnExpertThatCannotBeReadEndsTheRequestAlone) {
  const testing::TempFolder folder;
  std::filesystem::copy(testing::EmbeddedFolder(), folder.path(),
                        std::filesystem::copy_options::recursive);
  const std::string path = folder.File("model.safetensors"), bytes = io::ReadFile(path).value();
  ServerOptions options = TestServer::OneThread();
  options.model.directory = folder.path();
  options.model.open.experts = engine::ExpertsFrom::kDisk;
  const TestServer server(options);
  Cut(path, 4096);
  const std::string question = Chat(R"("max_tokens":4)");
  const Reply failed = server.Post("/v1/chat/completions", question);
  EXPECT_EQ(failed.status, 500) << failed.body;
  const std::string message = Text(failed.json(), {"error", "message"});
  EXPECT_NE(message.find("model.safetensors: "), std::string::npos) << message;
  EXPECT_NE(message.find(" at byte "), std::string::npos) << message;
  ASSERT_NO_FATAL_FAILURE(Mend(path, bytes));
  const Reply again = server.Post("/v1/chat/completions", question);
  EXPECT_EQ(again.status, 200) << again.body;
}

}  // namespace
}  // namespace hadal::server
