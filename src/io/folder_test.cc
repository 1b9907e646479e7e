#include "io/folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

std::size_t Entries(const std::string& path) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(path), fs::directory_iterator()));
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

TEST(AtomicFolder, RemovesWhatAKilledWriterLeft) {
  const TempFolder folder;
  fs::create_directory(folder.File("out.tmp"));
  ASSERT_TRUE(WriteFile(folder.File("out.tmp/stale"), "x").ok());
  {
    AtomicFolder out = AtomicFolder::Create(folder.File("out"), false).value();
    ASSERT_TRUE(WriteFile(out.File("a"), "x").ok());
    ASSERT_TRUE(out.Commit().ok());
  }
  EXPECT_EQ(Entries(folder.File("out")), 1u);
}

}  // namespace
}  // namespace hadal::io
