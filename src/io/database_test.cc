// A database comes back, is its owner's, and is told from files that are damaged or of others.
#include "io/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <new>
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

TEST_F(DatabaseTest, CountsWhatOthersWrite) {
  Database db = Open().value(), other = Open().value();
  const auto before = db.WritesOfOthers();
  ASSERT_TRUE(before.has_value());
  ASSERT_TRUE(db.Run("INSERT INTO t VALUES(1, 2)"));
  EXPECT_EQ(db.WritesOfOthers(), before);
  ASSERT_TRUE(other.Run("INSERT INTO t VALUES(1, 2)"));
  EXPECT_NE(db.WritesOfOthers(), before);
  EXPECT_EQ(db.WritesOfOthers(), db.WritesOfOthers());
}

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

TEST_F(DatabaseTest, ADamagedOneIsLeftWhereNobodyAsksForAnother) {
  Fill();
  const std::string cut = ReadFile(path_).value().substr(0, 9000);
  ASSERT_TRUE(WriteFile(path_, cut).ok());
  const auto db = Database::Open(path_, kKind, nullptr);
  ASSERT_FALSE(db.ok());
  EXPECT_EQ(db.error().code, Code::kCorrupt);
  EXPECT_EQ(ReadFile(path_).value(), cut);
}

// It stays the same file: another server, which has it open, reads and writes the empty one.
TEST_F(DatabaseTest, WhoHasADamagedOneOpenGoesOnWithTheNewOne) {
  Fill();
  Database first = Open().value();
  std::string damage(4096, 'x');
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary).seekp(4096) << damage;
  {
    Database second = Open().value();
    EXPECT_EQ(note_, path_ + ": is damaged; it is begun anew");
    ASSERT_TRUE(second.Run("INSERT INTO t VALUES(1, 2)"));
  }
  EXPECT_EQ(Rows(first), 1);
  ASSERT_TRUE(first.Run("INSERT INTO t VALUES(3, 4)"));
  Database third = Open().value();
  EXPECT_EQ(note_, "");
  EXPECT_EQ(Rows(third), 2);
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

// A program of its own, which is begun before this one opens anything: connections are not for a
// fork. It does its next step when it is told to, and says how many rows it found.
class OtherProgram {
 public:
  explicit OtherProgram(const std::string& path) {
    HADAL_CHECK(::pipe(orders_) == 0 && ::pipe(answers_) == 0);
    child_ = ::fork();
    HADAL_CHECK(child_ >= 0);
    if (child_ != 0) return;
    for (char order = 0; ::read(orders_[0], &order, 1) == 1 && order != 'q';) {
      std::int64_t rows = -1;
      {
        std::string note;
        auto db = Database::Open(path, kKind, &note);
        if (db.ok() && note.empty()) {
          Statement count = db->Prepare("SELECT count(*) FROM t");
          if (count.Step()) rows = count.Integer(0);
        }
      }
      if (::write(answers_[1], &rows, sizeof(rows)) != sizeof(rows)) break;
    }
    ::_exit(0);
  }
  ~OtherProgram() {
    HADAL_CHECK(::write(orders_[1], "q", 1) == 1);
    ::waitpid(child_, nullptr, 0);
    for (const int end : {orders_[0], orders_[1], answers_[0], answers_[1]}) ::close(end);
  }
  // Opens the database, counts, closes it.
  std::int64_t Rows() {
    std::int64_t rows = -2;
    HADAL_CHECK(::write(orders_[1], "r", 1) == 1);
    HADAL_CHECK(::read(answers_[0], &rows, sizeof(rows)) == sizeof(rows));
    return rows;
  }

 private:
  pid_t child_ = -1;
  int orders_[2], answers_[2];
};

// Opening a second time leaves the locks of the first alone: or the next program to close the
// database would take the log away that both write to, and what they write after that is lost.
TEST_F(DatabaseTest, TwoConnectionsAreSafeFromWhoOpensAndCloses) {
  OtherProgram other(path_), third(path_);
  Database first = Open().value();
  ASSERT_TRUE(first.Run("INSERT INTO t VALUES(1, 2)"));
  Database second = Open().value();
  EXPECT_EQ(other.Rows(), 1);
  EXPECT_EQ(::access((path_ + "-wal").c_str(), F_OK), 0);
  ASSERT_TRUE(first.Run("INSERT INTO t VALUES(3, 4)"));
  ASSERT_TRUE(second.Run("INSERT INTO t VALUES(5, 6)"));
  EXPECT_EQ(other.Rows(), 3);
  EXPECT_EQ(third.Rows(), 3);
}

// As where memory is not to be had: the next one can write, and others need not wait.
TEST_F(DatabaseTest, AnExceptionUndoesATransactionAndLeavesNothingOpen) {
  Fill();
  Database db = Open().value(), other = Open().value();
  Statement rows = db.Prepare("SELECT a FROM t");
  try {
    Transaction transaction(db);
    ASSERT_TRUE(transaction.begun());
    ASSERT_TRUE(db.Run("INSERT INTO t VALUES(1, 2)"));
    const StatementUse use(rows);
    ASSERT_TRUE(use->Step());
    throw std::bad_alloc();
  } catch (const std::bad_alloc&) {
  }
  EXPECT_EQ(Rows(db), 500);
  Transaction next(other);
  EXPECT_TRUE(next.begun());
  EXPECT_TRUE(other.Run("INSERT INTO t VALUES(1, 2)"));
  EXPECT_TRUE(next.Commit());
  EXPECT_EQ(Rows(db), 501);
}

// As of a full disk, which tells itself from others' work.
TEST_F(DatabaseTest, SaysWhyNothingWasWritten) {
  Fill();
  Database first = Open().value(), second = Open().value();
  const std::atomic<bool> hurry{true};
  second.WaitForOthers(std::chrono::hours(1), &hurry);
  ASSERT_TRUE(first.Run("BEGIN IMMEDIATE"));
  EXPECT_FALSE(second.Run("INSERT INTO t VALUES(1, 2)"));
  EXPECT_TRUE(second.in_use());
  EXPECT_FALSE(second.full());
  ASSERT_TRUE(first.Run("ROLLBACK; PRAGMA max_page_count=1"));  // as many as it has
  EXPECT_FALSE(first.Run("CREATE TABLE more(a)"));
  EXPECT_TRUE(first.full());
  EXPECT_FALSE(first.in_use());
}

// A backup in a folder where nothing may be written, whoever asks; its name is any name.
TEST_F(DatabaseTest, OneThatNobodyChangesIsReadWithoutAWord) {
  Fill();
  const std::string path = folder_.File("50% #1?.sqlite");
  std::filesystem::copy_file(path_, path);
  {
    auto db = Database::OpenUnchanging(path, kKind);
    ASSERT_TRUE(db.ok()) << db.error().what;
    EXPECT_EQ(Rows(*db), 500);
    EXPECT_FALSE(db->Run("INSERT INTO t VALUES(1, 2)"));
    EXPECT_FALSE(db->in_use());
  }
  EXPECT_EQ(folder_.Names(), (std::vector<std::string>{"50% #1?.sqlite", "x.sqlite"}));
  EXPECT_EQ(Database::OpenUnchanging(path, {.id = 1, .version = 2, .schema = ""}).error().code,
            Code::kInvalid);
  std::ofstream(path + "-wal") << "rows that are not in the file";
  EXPECT_EQ(Database::OpenUnchanging(path, kKind).error().code, Code::kIo);
  std::ofstream(path).close();  // empty
  std::ofstream(path + "-wal").close();
  EXPECT_FALSE(Database::OpenUnchanging(path, kKind).ok());
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
