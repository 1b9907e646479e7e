// Whatever goes wrong in the middle of a command: one line, exit code 1, and nothing left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "io/file.h"
#include "testing/program.h"
#include "testing/sanitized.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using testing::EmbeddedFolder;
using testing::Program;
using testing::TempFolder;
using Words = std::vector<std::string>;

// Lines of the log may stand before it, and a table of what is needed behind it.
std::size_t ErrorLines(const std::string& text) {
  std::size_t lines = 0;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines += line.starts_with("hadal: ") ? 1 : 0;
  return lines;
}

// A folder `out` with a model in it that a command may replace.
class FailureTest : public ::testing::Test {
 protected:
  FailureTest() {
    fs::create_directory(Out());
    HADAL_CHECK(io::WriteFile(Out() + "/config.json", "{}").ok());
    HADAL_CHECK(io::WriteFile(Out() + "/model.safetensors", "the old one").ok());
  }
  std::string Out() const { return folder_.File("out"); }

  void ExpectUntouched(const std::string& what) const {
    EXPECT_EQ(folder_.Names(), Words{"out"}) << what;
    EXPECT_EQ(io::ReadFile(Out() + "/model.safetensors").value(), "the old one") << what;
    EXPECT_EQ(std::distance(fs::directory_iterator(Out()), fs::directory_iterator()), 2) << what;
  }

  // False: it had ended before it could be stopped. True: it was sent the signal while it wrote.
  bool SignalWhileWriting(Program& program, int signal) const {
    while (folder_.Names().size() == 1 && !program.HasEnded())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    program.Signal(SIGSTOP);
    const bool writing = folder_.Names().size() > 1;
    program.Signal(signal);
    program.Signal(SIGCONT);
    return writing;
  }

  TempFolder folder_;
};

TEST_F(FailureTest, ASignalWhileACheckpointIsWrittenKeepsWhatWasThere) {
  const Words commands[] = {
      {"quantize", EmbeddedFolder(), Out(), "--to", "f32", "--force", "--quiet"},
      {"synth", Out(), "--shape", "flash", "--layers", "1", "--experts", "16", "--force"}};
  for (const Words& command : commands)
    for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) {
      const std::string what = command[0] + " and signal " + std::to_string(signal);
      Program program("hadal", command);
      ASSERT_TRUE(SignalWhileWriting(program, signal)) << what;
      const int code = program.Wait();
      if (signal == SIGQUIT) {
        EXPECT_EQ(code, -1 - SIGQUIT) << what;
      } else {
        EXPECT_EQ(code, 1) << what;
        EXPECT_EQ(program.errors(), "hadal: stopped\n") << what;
      }
      ExpectUntouched(what);
    }
}

TEST_F(FailureTest, ALimitOnFileSizesIsOneLineAndKeepsWhatWasThere) {
  const std::string in_out = Out() + "/model.safetensors";
  const std::pair<Words, std::string> commands[] = {
      {{"quantize", EmbeddedFolder(), Out(), "--to", "f32", "--force", "--quiet"}, in_out},
      {{"synth", Out(), "--shape", "flash", "--layers", "1", "--experts", "16", "--force"}, in_out},
      {{"run", "-m", EmbeddedFolder(), "-p", "Once", "--max-tokens", "2", "--snapshot", in_out,
        "--force"},
       in_out}};
  for (const auto& [command, path] : commands) {
    Program program("hadal", command, {.file_bytes = 4096});
    EXPECT_EQ(program.Wait(), 1) << command[0];
    EXPECT_EQ(program.errors(), "hadal: " + path + ": cannot write it: File too large\n")
        << command[0];
    ExpectUntouched(command[0]);
  }
}

// At every limit on memory a command works, or says in one line that there is not enough.
TEST_F(FailureTest, TooLittleMemoryIsOneLine) {
#if defined(HADAL_SANITIZED)
  GTEST_SKIP() << "a sanitizer takes address space without end";
#endif
  constexpr std::uint64_t kMib = std::uint64_t{1} << 20;
  const std::string text = EmbeddedFolder() + "/phase1.toml", model = EmbeddedFolder();
  const Words commands[] = {
      {"run", "-m", EmbeddedFolder(), "-p", "Once", "--max-tokens", "2", "--threads", "4"},
      {"run", "-m", model, "-p", "Once", "--max-tokens", "2", "--experts", "disk", "--ram", "4G"},
      {"serve", "-m", model, "--port", "0", "--ctx", "4K", "--threads", "2"},
      {"chat", "-m", model, "--ctx", "1K", "--threads", "2"},
      {"bench", "-m", model, "--quick", "--repeat", "1", "--depth", "0", "--prefill", "16"},
      {"synth", folder_.File("new"), "--shape", model + "/config.json", "--layers", "2"},
      {"eval", "needle", "-m", model, "--lengths", "512", "--depths", "1", "--trials", "1"},
      {"eval", "abilities", "-m", model, "--trials", "1"},
      {"plan", "fit", model, "--machine", "this"},
      {"plan", "compare", "v4-flash", "v4-pro"},
      {"tokenize", "-m", model, "-f", text},
      {"tokenizer", "train", "--vocab-size", "300", "--out", folder_.File("new"), text},
      {"data", "--out", folder_.File("new"), "story=20", "tools=5"},
      {"man", folder_.File("new")},
      {"completion", "bash"},
      {"quantize", EmbeddedFolder(), folder_.File("new"), "--to", "f32", "--quiet"},
      {"plan", "show", "v4-flash", "--context", "1K"},
      {"doctor", "--quick", "--no-disk", "--threads", "2"},
      {"eval", "perplexity", "-m", EmbeddedFolder(), "-f", EmbeddedFolder() + "/phase1.toml"},
      {"inspect", EmbeddedFolder()}};
  const auto runs = [](const Words& command, std::uint64_t mib, std::string* errors) {
    Program program("hadal", command, {.address_bytes = mib * kMib});
    if (command[0] == "serve") {  // until it is told to stop
      while (!program.HasEnded() && program.out().find("listening at") == std::string::npos)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      program.Signal(SIGTERM);
    }
    const int code = program.Wait();
    *errors = program.errors();
    return code;
  };
  std::string errors;
  std::uint64_t least = 4;  // MiB with which the program and its libraries can be loaded
  while (runs({"--version"}, least, &errors) != 0) ++least;
  for (const Words& command : commands) {
    std::size_t refused = 0;
    for (const std::uint64_t more : {0, 1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 256}) {
      const int code = runs(command, least + more, &errors);
      fs::remove_all(folder_.File("new"));
      const std::string what = command[0] + " with " + std::to_string(least + more) + " MiB: ";
      EXPECT_TRUE(code == 0 || code == 1) << what << code << " " << errors;
      if (code == 0) continue;
      ++refused;
      EXPECT_EQ(ErrorLines(errors), 1u) << what << errors;
      EXPECT_EQ(errors.find("std::"), std::string::npos) << what << errors;  // a library's words
    }
    // Some want no more than the program itself.
    const bool large = command[0] == "run" || command[0] == "serve" || command[0] == "chat" ||
                       command[0] == "bench" || command[0] == "quantize";
    EXPECT_TRUE(refused > 0 || !large) << command[0];
    ExpectUntouched(command[0]);
  }
}

TEST_F(FailureTest, NothingInAMessageCommandsTheTerminal) {
  Program path("hadal", {"inspect", "no\x1B[31m\xFFsuch"});
  EXPECT_EQ(path.Wait(), 1);
  EXPECT_EQ(path.errors().find("hadal: no\\x1B[31m\\xFFsuch: found nothing"), 0u) << path.errors();
  const Words usages[] = {{"run", "-p", "a", "--threads", "\x1B]0;x\x07"},
                          {"run", "-p", "a", "--\x1B[2J"},
                          {"\x1B[2J"},
                          {"tokenize", "-m", EmbeddedFolder(), "--decode", "\x1B[2J"}};
  for (const Words& usage : usages) {
    Program program("hadal", usage);
    EXPECT_NE(program.Wait(), 0);
    EXPECT_NE(program.errors().find("\\x1B"), std::string::npos) << program.errors();
    EXPECT_EQ(program.errors().find('\x1B'), std::string::npos) << program.errors();
  }
}

}  // namespace
}  // namespace hadal
