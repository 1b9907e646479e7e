#include "io/temporary.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <thread>

#include "io/file.h"
#include "io/folder.h"
#include "io/remove_tree.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

// The status of a process that writes a file and a folder of files and is in the middle of it.
int StatusOfWriterIn(const TempFolder& folder, const std::function<void()>& then) {
  const pid_t child = fork();
  if (child == 0) {
    RemoveTemporariesOnSignals();
    Result<AtomicFile> file = AtomicFile::Create(folder.File("file"));
    Result<AtomicFolder> out = AtomicFolder::Create(folder.File("out"), true);
    if (!file.ok() || !out.ok() || !file->Write("half").ok()) _exit(1);
    if (!WriteFile(out->File("done"), "x").ok()) _exit(2);
    fs::create_directories(out->File("deep/er"));
    const Result<AtomicFile> within = AtomicFile::Create(out->File("deep/er/undone"));
    then();
    _exit(within.ok() ? 3 : 4);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(Temporary, GoesWithASignalThatEndsTheProgram) {
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
    const TempFolder folder;
    const int status = StatusOfWriterIn(folder, [signal] { raise(signal); });
    ASSERT_TRUE(WIFSIGNALED(status)) << signal;
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_TRUE(folder.Names().empty()) << signal << " " << folder.Names()[0];
  }
}

// The signal falls anywhere, with several threads that make files without pause.
TEST(Temporary, GoesWhereverTheSignalFalls) {
  for (int delay_ms = 1; delay_ms <= 9; delay_ms += 2) {
    const TempFolder folder;
    const int status = StatusOfWriterIn(folder, [&folder, delay_ms] {
      std::vector<std::thread> writers;
      for (const char* name : {"a", "b"})
        writers.emplace_back([&folder, name] {
          while (true) {
            int fd = -1;
            const auto made = Temporary::MakeFile(folder.File(name), &fd);
            if (made.ok()) close(fd);
          }
        });
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      kill(getpid(), SIGTERM);
      for (std::thread& writer : writers) writer.join();
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
    EXPECT_TRUE(folder.Names().empty()) << folder.Names()[0];
  }
}

TEST(Temporary, AnIgnoredSignalStaysIgnored) {
  const TempFolder folder;
  std::signal(SIGHUP, SIG_IGN);  // of this process, and so of the next
  const int status = StatusOfWriterIn(folder, [] { raise(SIGHUP); });
  std::signal(SIGHUP, SIG_DFL);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3) << status;
}

TEST(Temporary, KnowsWhoseNameItHas) {
  EXPECT_EQ(TargetOfTemporary("a.txt.0123456789abcdef.tmp"), "a.txt");
  for (const char* name : {"a.txt.tmp", "a.txt.0123456789abcdeX.tmp", "a.0123456789abcdef",
                           ".0123456789abcdef.tmp", "a.123456789abcdef.tmp", ""})
    EXPECT_FALSE(TargetOfTemporary(name)) << name;
}

TEST(Temporary, KnowsWhatAKilledProgramLeaves) {
  const std::string temporary = "a.txt.0123456789abcdef.tmp";
  EXPECT_TRUE(IsLeftOver(temporary));
  EXPECT_TRUE(IsLeftOver(temporary + std::string(kReplacedSuffix)));
  for (const char* name : {"a.txt", "a.txt.old", ".old", "a.txt.0123456789abcdef.tmp.new"})
    EXPECT_FALSE(IsLeftOver(name)) << name;
}

TEST(Temporary, HasRoomBesideAnyName) {
  const TempFolder folder;
  const std::string path = folder.File(std::string(255, 'x'));
  ASSERT_TRUE(WriteFile(path, "x").ok());
  EXPECT_EQ(ReadFile(path).value(), "x");
}

TEST(RemoveTree, RemovesLinksAndNotWhatTheyNameAndManyFiles) {
  const TempFolder folder;
  fs::create_directories(folder.File("tree/a/b"));
  for (int i = 0; i < 1000; ++i) {
    std::string name = "tree/a/b/some-longer-name-to-fill-buffers-";
    name += std::to_string(i);
    ASSERT_EQ(symlink("nowhere", folder.File(name).c_str()), 0);
  }
  ASSERT_TRUE(WriteFile(folder.File("theirs"), "x").ok());
  fs::create_directory_symlink(folder.path(), folder.File("tree/up"));
  RemoveTree(folder.File("tree").c_str());
  EXPECT_EQ(folder.Names(), std::vector<std::string>{"theirs"});
}

}  // namespace
}  // namespace hadal::io
