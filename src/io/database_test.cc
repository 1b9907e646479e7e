// A database comes back, is its owner's, and is told from files that are damaged or of others.
#include "io/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>
#include <vector>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::io {
namespace {

constexpr DatabaseKind kKind{.id = 0x12345678, .version = 2, .schema = "CREATE TABLE t(a, b)"};

class DatabaseTest : public ::testing::Test {
 protected:
  Result<Database> Open(const DatabaseKind& kind = kKind) {
    note_.clear();
    return Database::Open(path_, kind, &note_);
  }
  void Fill() {
    Database db = Open().value();
    Statement insert = db.Prepare("INSERT INTO t VALUES(?, ?)");
    for (std::int64_t i = 0; i < 500; ++i) {
      insert.Reset();
      EXPECT_FALSE(insert.Bind(1, i).Bind(2, std::string(100, 'x')).Step());
      EXPECT_TRUE(insert.ok());
    }
  }
  std::int64_t Rows(Database& db) {
    Statement count = db.Prepare("SELECT count(*) FROM t");
    return count.Step() ? count.Integer(0) : -1;
  }

  testing::TempFolder folder_;
  const std::string path_ = folder_.File("x.sqlite");
  std::string note_;
};

TEST_F(DatabaseTest, ComesBackAndIsItsOwners) {
  Fill();
  Database db = Open().value();
  EXPECT_EQ(note_, "");
  EXPECT_EQ(Rows(db), 500);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  Statement text = db.Prepare("SELECT b FROM t WHERE a = ?");
  EXPECT_TRUE(text.Bind(1, std::int64_t{7}).Step());
  EXPECT_EQ(text.Text(0), std::string(100, 'x'));
}

TEST_F(DatabaseTest, ADamagedOneIsBegunAnew) {
  Fill();
  std::string bytes = ReadFile(path_).value();
  const std::string cut = bytes.substr(0, bytes.size() / 2);
  for (std::size_t i = 4096; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  for (const std::string& damaged : {cut, bytes, bytes.substr(0, 100)}) {
    ASSERT_TRUE(WriteFile(path_, damaged).ok());
    auto db = Open();
    ASSERT_TRUE(db.ok()) << db.error().what;
    EXPECT_EQ(note_, path_ + ": is damaged; it is begun anew");
    EXPECT_EQ(Rows(*db), 0);
  }
}

TEST_F(DatabaseTest, FilesOfOthersAreLeftAsTheyAre) {
  Fill();
  const std::string ours = ReadFile(path_).value();
  const auto refused = [&](const std::string& bytes, const DatabaseKind& kind) {
    EXPECT_TRUE(WriteFile(path_, bytes).ok());
    const auto db = Open(kind);
    EXPECT_FALSE(db.ok());
    EXPECT_EQ(ReadFile(path_).value(), bytes);
    return db.ok() ? "" : db.error().what;
  };
  EXPECT_NE(refused("a letter", kKind).find("is no file of hadal's"), std::string::npos);
  EXPECT_NE(refused(std::string(4096, 'a'), kKind).find("is no file"), std::string::npos);
  EXPECT_NE(refused("s" + ours.substr(1), kKind).find("is no file"), std::string::npos);
  EXPECT_NE(refused(ours, {.id = 1, .version = 2, .schema = ""}).find("is no file"),
            std::string::npos);
  EXPECT_NE(
      refused(ours, {.id = kKind.id, .version = 3, .schema = ""}).find("has version 2, expected 3"),
      std::string::npos);
}

// Another server's work is not taken for damage.
TEST_F(DatabaseTest, OneThatIsInUseIsSharedOrLeft) {
  Fill();
  Database first = Open().value();
  ASSERT_TRUE(first.Run("BEGIN EXCLUSIVE; INSERT INTO t VALUES(1, 2)"));
  auto second = Open();
  ASSERT_TRUE(second.ok()) << second.error().what;
  EXPECT_EQ(note_, "");
  EXPECT_EQ(Rows(*second), 500);
  EXPECT_FALSE(second->Run("INSERT INTO t VALUES(1, 2)"));
  Statement insert = second->Prepare("INSERT INTO t VALUES(1, 2)");
  EXPECT_FALSE(insert.Step());
  EXPECT_FALSE(insert.ok());
  ASSERT_TRUE(first.Run("COMMIT"));
  insert.Reset();
  insert.Step();
  EXPECT_TRUE(insert.ok());
  EXPECT_EQ(Rows(*second), 502);
}

// Servers that start at one moment, over one folder that none of them has used.
TEST_F(DatabaseTest, ManyMayMakeItAtOnce) {
  for (int round = 0; round < 20; ++round) {
    const std::string path = folder_.File(fmt::format("{}.sqlite", round));
    std::vector<std::string> failures(4);
    {
      std::vector<std::jthread> openers;
      for (std::string& failure : failures)
        openers.emplace_back([&] {
          std::string note;
          auto db = Database::Open(path, kKind, &note);
          if (!db.ok())
            failure = db.error().what;
          else if (!db->Run("INSERT INTO t VALUES(1, 2)"))
            failure = "insert";
          if (!note.empty()) failure = note;
        });
    }
    EXPECT_EQ(failures, std::vector<std::string>(4)) << round;
    Database db = Database::Open(path, kKind, &note_).value();
    EXPECT_EQ(Rows(db), 4);
  }
}

TEST_F(DatabaseTest, WhatCannotBeOpenedIsNamed) {
  const auto nowhere = Database::Open("/proc/none/x.sqlite", kKind, &note_);
  EXPECT_NE(nowhere.error().what.find("/proc/none/x.sqlite: cannot open: "), std::string::npos)
      << nowhere.error().what;
  ASSERT_EQ(::symlink(folder_.File("other").c_str(), folder_.File("link").c_str()), 0);
  EXPECT_FALSE(Database::Open(folder_.File("link"), kKind, &note_).ok());
  EXPECT_FALSE(ReadFile(folder_.File("other")).ok());
  Database db = Open().value();
  EXPECT_FALSE(db.Run("no SQL"));
  Statement none = db.Prepare("SELECT nothing FROM nowhere");
  EXPECT_FALSE(none.Bind(1, std::int64_t{1}).Step());
  EXPECT_FALSE(none.ok());
  Statement few = db.Prepare("SELECT a FROM t WHERE a = ?");
  EXPECT_FALSE(few.Bind(2, std::int64_t{1}).Step());
  EXPECT_FALSE(few.ok());
}

}  // namespace
}  // namespace hadal::io
