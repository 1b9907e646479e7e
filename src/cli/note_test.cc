// What of a checkpoint is passed over is said, by every command that reads one.
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/call_test.h"
#include "io/file.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;

TEST(Note, EveryCommandSaysWhatItPassesOver) {
  const fs::path embedded = testing::EmbeddedFolder();
  const testing::TempFolder folder;
  for (const char* name : {"config.json", "tokenizer.json", "model.safetensors"})
    fs::copy_file(embedded / name, folder.File(name));
  ASSERT_TRUE(io::WriteFile(folder.File("text"), "Once upon a time").ok());
  ASSERT_TRUE(io::WriteFile(folder.File("model-\x1B[1m.safetensors"), "another model").ok());
  const std::string& path = folder.path();
  const std::string note =
      path + "/model-\\x1B[1m.safetensors: passed over, model.safetensors is the whole model\n";
  const std::vector<std::string> commands[] = {
      {"run", "-m", path, "-p", "Once", "--max-tokens", "1"},
      {"eval", "perplexity", "-m", path, "-f", folder.File("text"), "--json"},
      {"bench", "-m", path, "--quick", "--depth", "0", "--prefill", "1", "--json"},
      {"quantize", path, folder.File("out"), "--to", "f32", "--quiet"}};
  for (const std::vector<std::string>& command : commands) {
    const Outcome done = Call(command);
    EXPECT_EQ(done.code, 0) << command[0];
    EXPECT_EQ(done.errors, "hadal: " + note) << command[0];
  }
  const Outcome inspected = Call({"inspect", path});
  EXPECT_NE(inspected.out.find("note: " + note), std::string::npos) << inspected.out;
}

}  // namespace
}  // namespace hadal::cli
