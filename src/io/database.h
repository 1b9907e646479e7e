// A SQLite database in one file of ours, and statements on it. Move-only; one thread at a time.
//
//   HADAL_TRY(Database db, Database::Open(path, {.id = 0x..., .version = 1, .schema = kSchema}));
//   Statement find = db.Prepare("SELECT body FROM turns WHERE id = ?");
//   if (find.Bind(1, id).Step()) find.Text(0);
//
// What is written survives a kill of the process at any moment; of a machine that loses its power
// the newest of it may be gone, and the rest is whole.
// Source: sqlite.org, The C Language Interface; Database File Format, the application id.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hadal::io {

// Whose file it is: in the header of every database that Open has made.
struct DatabaseKind {
  std::uint32_t id = 0;     // SQLite's application id
  int version = 0;          // of the schema
  const char* schema = "";  // statements that make an empty one
};

class Statement {
 public:
  // Null, where preparing failed: never ok.
  explicit Statement(sqlite3_stmt* statement) : statement_(statement), ok_(statement != nullptr) {}

  // Parameters count from 1, columns from 0. Bound texts are copied.
  Statement& Bind(int parameter, std::int64_t value);
  Statement& Bind(int parameter, std::string_view text);
  bool Step();   // a row is there; false: none, or an error (ok)
  void Reset();  // before the next use
  bool ok() const { return ok_; }
  std::int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  bool ok_ = true;
};

class Database {
 public:
  Database(Database&& other) noexcept = default;
  Database& operator=(Database&&) = delete;  // statements end before their connection
  // Makes the file, for its owner's eyes alone, if it is not there. One that is ours and damaged is
  // emptied and begun anew, with a line in *note; whoever has it open goes on with the empty one.
  // kCorrupt: it is damaged, and `note` is null; it is left as it is. kInvalid: a file that is not
  // ours, or of a later version; it is left as it is. kIo: the file cannot be opened or made.
  static Result<Database> Open(const std::string& path, const DatabaseKind& kind,
                               std::string* note);

  // One that nobody changes meanwhile, in a folder where nothing may be written, as of a backup.
  // Whatever writes fails. kIo also where its log lies beside it; else as of Open without a note.
  static Result<Database> OpenUnchanging(const std::string& path, const DatabaseKind& kind);

  // How long others that write are waited for: a second, unless said otherwise, or once *hurry.
  // hurry: may be null, else it outlives this.
  void WaitForOthers(std::chrono::milliseconds longest, const std::atomic<bool>* hurry);

  Statement Prepare(const char* sql);  // of a damaged file: one that is never ok
  bool Run(const char* sql);           // false: it failed
  // Why the last call failed: others write for too long; there is no room on the disk.
  bool in_use() const;
  bool full() const;
  std::int64_t last_id() const;  // of the row that was inserted last
  // A number that changes with what other connections have written, and with nothing else. None: it
  // cannot be read.
  std::optional<std::int64_t> WritesOfOthers();
  // Nothing of deleted rows is left in the file or its log. False: others read or write for long.
  bool ForgetDeleted();

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(sqlite3* db) : db_(db) {}
  Status Prepare(const std::string& path, const DatabaseKind& kind);
  Status Check(const std::string& path, const DatabaseKind& kind);  // its version, that it is whole
  Status BeginAnew(const std::string& path);
  Status MakeTables(const std::string& path, const DatabaseKind& kind);  // unless they are there
  std::string First(const char* sql);  // value of its first row; empty: there is none
  // Why the last call failed. kCorrupt: the file is damaged; kIo: it is in use, or cannot be read.
  Error Failure(const std::string& path) const;

  struct Patience {
    std::chrono::milliseconds longest;
    const std::atomic<bool>* hurry;
  };
  std::unique_ptr<Patience> patience_;  // SQLite has its address
  std::unique_ptr<sqlite3, Close> db_;
  std::optional<Statement> writes_;  // ends before the connection
};

// The only writer of all programs until it is committed, or ends, which undoes what was written:
// also where an exception ends it.
class Transaction {
 public:
  explicit Transaction(Database& db) : db_(db), open_(db.Run("BEGIN IMMEDIATE")) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (open_) db_.Run("ROLLBACK");
  }
  bool begun() const { return open_; }  // false: others write for too long
  bool Commit() {                       // false: it is undone
    const bool done = db_.Run("COMMIT");
    open_ = !done;
    return done;
  }

 private:
  Database& db_;
  bool open_;
};

// A statement's use of one row or more: however it ends, nothing stays open for reading.
class StatementUse {
 public:
  explicit StatementUse(Statement& statement) : statement_(statement) {}
  StatementUse(const StatementUse&) = delete;
  StatementUse& operator=(const StatementUse&) = delete;
  ~StatementUse() { statement_.Reset(); }
  Statement* operator->() const { return &statement_; }
  Statement& operator*() const { return statement_; }

 private:
  Statement& statement_;
};

}  // namespace hadal::io
