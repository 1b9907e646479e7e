#include "io/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "io/file.h"
#include "io/own_folder.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

std::size_t Entries(const std::string& path) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
}

TEST(MakeFolder, MakesWhatIsAboveItToo) {
  const TempFolder folder;
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(MakeFolder(folder.File("a/b")).ok());
    EXPECT_TRUE(fs::is_directory(folder.File("a/b")));
  }
  ASSERT_TRUE(WriteFile(folder.File("file"), "x").ok());
  const Status status = MakeFolder(folder.File("file/c"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kIo);
  EXPECT_TRUE(status.error().what.starts_with(folder.File("file/c") + ": cannot be made: "));
}

TEST(AtomicFolder, AppearsWhole) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  {
    AtomicFolder out = AtomicFolder::Create(path + "/", false).value();
    ASSERT_TRUE(WriteFile(out.File("a"), "x").ok());
    EXPECT_FALSE(fs::exists(path));
    ASSERT_TRUE(out.Commit().ok());
  }
  EXPECT_EQ(ReadFile(path + "/a").value(), "x");
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(AtomicFolder, WithoutCommitNothingChanges) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  fs::create_directory(path);
  ASSERT_TRUE(WriteFile(path + "/config.json", "old").ok());
  {
    AtomicFolder first = AtomicFolder::Create(path, true).value();
    AtomicFolder out = std::move(first);
    ASSERT_TRUE(WriteFile(out.File("config.json"), "new").ok());
  }
  EXPECT_EQ(ReadFile(path + "/config.json").value(), "old");
  EXPECT_EQ(Entries(folder.path()), 1u);
}

TEST(AtomicFolder, ReplacesOnlyAModelAndOnlyWhenAsked) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  fs::create_directory(path);
  EXPECT_TRUE(AtomicFolder::Create(path, false).ok());  // empty
  ASSERT_TRUE(WriteFile(path + "/letter.txt", "old").ok());
  EXPECT_EQ(AtomicFolder::Create(path, false).error().code, Code::kInvalid);
  EXPECT_EQ(AtomicFolder::Create(path, true).error().code, Code::kInvalid);
  ASSERT_TRUE(WriteFile(path + "/config.json", "old").ok());
  EXPECT_EQ(AtomicFolder::Create(path, false).error().code, Code::kInvalid);
  EXPECT_EQ(AtomicFolder::Create(path, true).error().what,
            path + ": found 'letter.txt' in it, expected nothing but a model's files");
  fs::remove(path + "/letter.txt");
  fs::create_directory(path + "/.git");
  EXPECT_EQ(AtomicFolder::Create(path, true).error().code, Code::kInvalid);
  fs::remove(path + "/.git");
  for (const char* name : {"my_results.json", ".hidden.json", "adapter_model.safetensors",
                           "model-of-mine.safetensors", "README.md"}) {
    ASSERT_TRUE(WriteFile(path + "/" + name, "mine").ok());
    EXPECT_EQ(AtomicFolder::Create(path, true).error().code, Code::kInvalid) << name;
    fs::remove(path + "/" + name);
  }
  for (const char* name :
       {"model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json",
        "LICENSE", "hadal-digests.json", "hadal-experts.json"})
    ASSERT_TRUE(WriteFile(path + "/" + name, "old").ok());
  {
    AtomicFolder out = AtomicFolder::Create(path, true).value();
    ASSERT_TRUE(WriteFile(out.File("config.json"), "new").ok());
    ASSERT_TRUE(out.Commit().ok());
  }
  EXPECT_EQ(ReadFile(path + "/config.json").value(), "new");
  EXPECT_FALSE(fs::exists(path + "/letter.txt"));
  EXPECT_EQ(Entries(folder.path()), 1u);
  EXPECT_EQ(AtomicFolder::Create(path + "/config.json", true).error().code, Code::kInvalid);
}

TEST(OutFolder, GoesAgainIfNothingCameIntoIt) {
  const TempFolder folder;
  fs::create_directory(folder.File("there"));
  for (const char* name : {"there", "a/b/c/", "d"}) {
    const OutFolder out = OutFolder::Make(folder.File(name)).value();
    EXPECT_TRUE(fs::is_directory(folder.File(name))) << name;
  }
  EXPECT_TRUE(fs::exists(folder.File("there")));
  EXPECT_EQ(Entries(folder.path()), 1u);
  {
    const OutFolder out = OutFolder::Make(folder.File("a/b/c")).value();
    ASSERT_TRUE(WriteFile(folder.File("a/x"), "").ok());
  }
  EXPECT_TRUE(fs::exists(folder.File("a/x")));
  EXPECT_FALSE(fs::exists(folder.File("a/b")));
  EXPECT_EQ(OutFolder::Make(folder.File("a/x/y")).error().code, Code::kIo);
}

TEST(AtomicFolder, LeavesWhatOthersOwnAlone) {
  const TempFolder folder;
  fs::create_directory(folder.File("out.tmp"));
  ASSERT_TRUE(WriteFile(folder.File("out.tmp/letter"), "x").ok());
  fs::create_directory(folder.File("theirs"));
  ASSERT_TRUE(WriteFile(folder.File("theirs/letter"), "x").ok());
  {
    AtomicFolder out = AtomicFolder::Create(folder.File("out"), false).value();
    ASSERT_TRUE(WriteFile(out.File("a"), "x").ok());
    fs::create_directory_symlink(folder.File("theirs"), out.File("link"));
  }
  EXPECT_EQ(ReadFile(folder.File("out.tmp/letter")).value(), "x");
  EXPECT_EQ(ReadFile(folder.File("theirs/letter")).value(), "x");
  EXPECT_EQ(folder.Names(), (std::vector<std::string>{"out.tmp", "theirs"}));
}

// Of two writers who began when the same was there, the first one's result stays.
TEST(AtomicFolder, TheSecondOfTwoWritersIsToldThatItLost) {
  for (const bool old : {false, true}) {
    const TempFolder folder;
    const std::string path = folder.File("out");
    if (old) {
      fs::create_directory(path);
      ASSERT_TRUE(WriteFile(path + "/config.json", "old").ok());
    }
    {
      AtomicFolder one = AtomicFolder::Create(path, true).value();
      AtomicFolder two = AtomicFolder::Create(path, true).value();
      ASSERT_TRUE(WriteFile(one.File("config.json"), "one").ok());
      ASSERT_TRUE(WriteFile(two.File("config.json"), "two").ok());
      ASSERT_TRUE(two.Commit().ok());
      const Status late = one.Commit();
      ASSERT_FALSE(late.ok()) << old;
      EXPECT_EQ(late.error().what,
                path + ": something else was written there meanwhile; it stays as it is");
    }
    EXPECT_EQ(ReadFile(path + "/config.json").value(), "two");
    EXPECT_EQ(Entries(folder.path()), 1u);
  }
}

// Asked not to replace, it does not, though another writer finished in between.
TEST(AtomicFolder, DoesNotReplaceWhatCameMeanwhile) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  AtomicFolder one = AtomicFolder::Create(path, false).value();
  AtomicFolder two = AtomicFolder::Create(path, false).value();
  ASSERT_TRUE(WriteFile(one.File("config.json"), "one").ok());
  ASSERT_TRUE(WriteFile(two.File("config.json"), "two").ok());
  ASSERT_TRUE(two.Commit().ok());
  EXPECT_EQ(one.Commit().error().code, Code::kInvalid);
  EXPECT_EQ(ReadFile(path + "/config.json").value(), "two");
}

TEST(AtomicFolder, NeedsANameToWrite) {
  for (const char* path : {"", "/", ".", "a/..", "./"})
    EXPECT_EQ(AtomicFolder::Create(path, true).error().code, Code::kInvalid) << path;
}

TEST(OwnFolder, IsMadeWithThoseAboveIt) {
  const TempFolder folder;
  const auto mode = [](const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777u : 0u;
  };
  for (const char* name : {"a", "b/", "c/d/e", "f/g//"}) {
    const std::string path = folder.File(name);
    ASSERT_TRUE(MakeOwnFolder(path).ok()) << name;
    EXPECT_EQ(mode(path), 0700u) << name;
    fs::permissions(path, fs::perms(0755));
    ASSERT_TRUE(MakeOwnFolder(path).ok()) << name;
    EXPECT_EQ(mode(path), 0755u) << name;
  }
  ASSERT_TRUE(WriteFile(folder.File("file"), "x").ok());
  for (const char* name : {"file", "file/", "file/a"})
    EXPECT_FALSE(MakeOwnFolder(folder.File(name)).ok()) << name;
}

}  // namespace
}  // namespace hadal::io
