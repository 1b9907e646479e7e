#include "io/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/progress.h"
#include "io/bus_error.h"
#include "io/page_cache.h"
#include "testing/page_cache.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

std::string TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(ReadFile, ReadsWhatWasWritten) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 300000u}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7);
    ASSERT_TRUE(WriteFile(path, text).ok());
    EXPECT_EQ(ReadFile(path).value(), text);
    const auto mapped = MappedFile::Open(path);
    ASSERT_TRUE(mapped.ok());
    EXPECT_EQ(TextOf(*mapped), text);
  }
}

TEST(ReadFile, ReadsFilesThatDoNotKnowTheirSize) {
  const auto text = ReadFile("/proc/self/status");
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("Name:"), std::string::npos);
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  EXPECT_EQ(ReadFile(path).error().code, Code::kNotFound);
  EXPECT_EQ(MappedFile::Open(path).error().code, Code::kNotFound);
  EXPECT_NE(ReadFile(path).error().what.find(path), std::string::npos);
  EXPECT_EQ(ReadFile(folder.path()).error().code, Code::kIo);
  EXPECT_EQ(MappedFile::Open(folder.path()).error().code, Code::kIo);
  ASSERT_TRUE(WriteFile(path, "12345").ok());
  EXPECT_TRUE(ReadFile(path, 5).ok());
  EXPECT_EQ(ReadFile(path, 4).error().code, Code::kExhausted);
  // A pipe must be refused, not waited for.
  const std::string pipe = folder.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(pipe).error().code, Code::kIo);
}

TEST(MappedFile, WhatIsForgottenComesBack) {
  const TempFolder folder;
  const std::string text(8'000'001, 'x');
  ASSERT_TRUE(WriteFile(folder.File("a"), text).ok());
  const MappedFile file = MappedFile::Open(folder.File("a")).value();
  EXPECT_EQ(TextOf(file), text);
  const std::uint64_t before = ResidentBytes();
  file.Forget(0, 7'000'000);
  file.Forget(7'000'000, text.size());
  file.Forget(text.size(), text.size());
  if (before > 0) {
    EXPECT_LT(ResidentBytes(), before - 7'000'000);
  }
  EXPECT_EQ(TextOf(file), text);
}

TEST(ReadFile, SaysThatPermissionIsMissing) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "12345").ok());
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const pid_t child = fork();  // which, unlike root, may not read everything
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(3);
    const std::string what = path + ": cannot open: Permission denied";
    _exit(ReadFile(path).error().what == what && MappedFile::Open(path).error().what == what ? 0
                                                                                             : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// The file ends in the middle of its first page: beyond that page there is nothing to read any
// more.
TEST(MappedFile, CutShortWhileInUseIsOneLine) {
  const TempFolder folder;
  const std::string path = folder.File("a file");
  ASSERT_TRUE(WriteFile(path, std::string(100000, 'x')).ok());
  const MappedFile file = MappedFile::Open(path).value();
  const auto read_cut = [&] {
    ExplainBusErrors("program");
    if (truncate(path.c_str(), 10) != 0) _exit(2);
    _exit(file.bytes()[50000] == std::byte{'x'} ? 3 : 4);
  };
  EXPECT_EXIT(read_cut(), ::testing::ExitedWithCode(1),
              "program: .*/a file: cannot be read any more: cut short while in use");
}

TEST(BusError, NotOfAFileEndsTheProgramAsBefore) {
  const auto raise_bus_error = [] {
    ExplainBusErrors("program");
    raise(SIGBUS);
    raise(SIGBUS);  // the first one came from no instruction that would run again
  };
  EXPECT_EXIT(raise_bus_error(), ::testing::KilledBySignal(SIGBUS),
              "^(qemu: .*\n)?$");  // nothing of ours; an emulator says it itself
}

TEST(MappedFile, Moves) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFile(folder.File("a"), "aaa").ok());
  ASSERT_TRUE(WriteFile(folder.File("b"), "b").ok());
  MappedFile a = MappedFile::Open(folder.File("a")).value();
  MappedFile b = MappedFile::Open(folder.File("b")).value();
  MappedFile c = std::move(a);
  b = std::move(c);
  EXPECT_EQ(TextOf(b), "aaa");
  EXPECT_EQ(b.path(), folder.File("a"));
}

using Names = std::vector<std::string>;

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  {
    AtomicFile file = AtomicFile::Create(path).value();
    ASSERT_TRUE(file.Write("new").ok());
    EXPECT_EQ(folder.Names().size(), 2u);
    EXPECT_EQ(ReadFile(path).value(), "old");
  }
  EXPECT_EQ(ReadFile(path).value(), "old");
  EXPECT_EQ(folder.Names(), Names{"a"});
}

TEST(AtomicFile, CommitReplacesAndLeavesNothingElse) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "old and longer").ok());
  {
    AtomicFile first = AtomicFile::Create(path).value();
    AtomicFile file = std::move(first);  // the one moved from must not remove the temporary
    ASSERT_TRUE(file.Write("new").ok());
    ASSERT_TRUE(file.Commit().ok());
  }
  EXPECT_EQ(ReadFile(path).value(), "new");
  EXPECT_EQ(folder.Names(), Names{"a"});
}

TEST(AtomicFile, TakesTheModeThatAnyNewFileHas) {
  const TempFolder folder;
  const mode_t before = umask(027);
  ASSERT_TRUE(WriteFile(folder.File("a"), "x").ok());
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(folder.File("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0640u);
}

TEST(AtomicFile, ForgetsWhatItWrote) {
  constexpr std::size_t kPart = 1 << 20, kParts = 80;
  const TempFolder folder;
  const std::string path = folder.File("a"), text(kPart, 'x');
  ASSERT_TRUE(WriteFile(path, text).ok());
  if (!testing::DropFromCache(path)) GTEST_SKIP() << "this file system keeps it";
  AtomicFile file = AtomicFile::Create(path).value();
  file.ForgetWritten();
  const Names names = folder.Names();
  ASSERT_EQ(names.size(), 2u);
  const std::string written = folder.File(names[names[0] == "a" ? 1 : 0]);
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < kParts; ++i) {
    ASSERT_TRUE(file.Write(text).ok());
    most = std::max(most, testing::CachedBytes(written));
  }
  EXPECT_LE(most, kPassedBytes);
  EXPECT_GT(most, 0u);
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(testing::CachedBytes(path), 0u);
  EXPECT_EQ(ReadFile(path).value().size(), kParts * kPart);
}

// A process killed between Write and Commit, as by a power cut seen from outside.
TEST(AtomicFile, AKillLeavesTheOldFile) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    Result<AtomicFile> file = AtomicFile::Create(path);
    if (!file.ok() || !file->Write("half of the ne").ok()) _exit(1);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(ReadFile(path).value(), "old");
  ASSERT_EQ(folder.Names().size(), 2u);
  EXPECT_EQ(TargetOfTemporary(folder.Names()[1]), "a");
  // What the killed one left behind is in nobody's way.
  ASSERT_TRUE(WriteFile(path, "new").ok());
  EXPECT_EQ(ReadFile(path).value(), "new");
}

// Of two writers who began when the same was there, the first one's result stays.
TEST(AtomicFile, TheSecondOfTwoWritersIsToldThatItLost) {
  for (const bool old : {false, true}) {
    const TempFolder folder;
    const std::string path = folder.File("a");
    if (old) {
      ASSERT_TRUE(WriteFile(path, "old").ok());
    }
    AtomicFile one = AtomicFile::Create(path).value();
    AtomicFile two = AtomicFile::Create(path).value();
    ASSERT_TRUE(one.Write("one").ok());
    ASSERT_TRUE(two.Write("two").ok());
    ASSERT_TRUE(two.Commit().ok());
    const Status late = one.Commit();
    ASSERT_FALSE(late.ok()) << old;
    EXPECT_EQ(late.error().what,
              path + ": something else was written there meanwhile; it stays as it is");
    EXPECT_EQ(ReadFile(path).value(), "two");
    ASSERT_TRUE(WriteFile(path, "three").ok());  // who begins now knows of it
    EXPECT_EQ(ReadFile(path).value(), "three");
  }
}

TEST(AtomicFile, WhatWasRemovedMeanwhileIsWritten) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  AtomicFile file = AtomicFile::Create(path).value();
  fs::remove(path);
  ASSERT_TRUE(file.Write("new").ok());
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(ReadFile(path).value(), "new");
}

TEST(AtomicFile, LeavesWhatOthersOwnAlone) {
  const TempFolder folder;
  ASSERT_TRUE(WriteFile(folder.File("theirs"), "theirs").ok());
  ASSERT_EQ(symlink("theirs", folder.File("a.tmp").c_str()), 0);
  ASSERT_EQ(symlink("theirs", folder.File("a").c_str()), 0);
  ASSERT_TRUE(WriteFile(folder.File("a"), "mine").ok());  // in place of the link, not through it
  EXPECT_EQ(ReadFile(folder.File("a")).value(), "mine");
  EXPECT_EQ(ReadFile(folder.File("theirs")).value(), "theirs");
  EXPECT_EQ(folder.Names(), (Names{"a", "a.tmp", "theirs"}));
}

TEST(AtomicFile, RefusesPlacesThatCannotBeWritten) {
  const TempFolder folder;
  EXPECT_EQ(AtomicFile::Create(folder.path()).error().code, Code::kIo);
  EXPECT_EQ(WriteFile(folder.File("none/a"), "x").error().code, Code::kNotFound);
  // A device would be replaced by a file, for everybody.
  ASSERT_EQ(symlink("/dev/null", folder.File("null").c_str()), 0);
  EXPECT_EQ(WriteFile(folder.File("null"), "x").error().what,
            folder.File("null") + ": found a device or pipe, expected a file to write");
}

// As a full disk is, which a test cannot fill.
TEST(AtomicFile, ALimitOnFileSizesIsAnErrorAndLeavesNothing) {
  const TempFolder folder;
  const std::string path = folder.File("a");
  ASSERT_TRUE(WriteFile(path, "old").ok());
  const pid_t child = fork();
  if (child == 0) {
    RemoveTemporariesOnSignals();
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(1);
    const Status status = WriteFile(path, std::string(10000, 'x'));
    _exit(!status.ok() && status.error().code == Code::kExhausted &&
                  status.error().what == path + ": cannot write it: File too large"
              ? 0
              : 2);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(ReadFile(path).value(), "old");
  EXPECT_EQ(folder.Names(), Names{"a"});
}

}  // namespace
}  // namespace hadal::io
