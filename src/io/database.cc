#include "io/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "io/system_error.h"

namespace hadal::io {
namespace {

constexpr std::size_t kHeaderBytes = 72;          // up to the application id, which is its end
constexpr std::chrono::milliseconds kBusy{1000};  // how long to wait for other programs
constexpr std::string_view kMagic("SQLite format 3\0", 16);

// What a file's first bytes say it is.
enum class Owner { kNobody, kUs, kOthers };  // kNobody: it is empty

// By SQLite's own descriptor: closing any other of the same file would end all locks that this
// process has on it (POSIX), and the next program to close it would take its log away.
Result<Owner> OwnerOf(sqlite3* db, const std::string& path, std::uint32_t id) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  std::array<char, kHeaderBytes> header{};
  sqlite3_int64 bytes = 0;
  if (file == nullptr || file->pMethods == nullptr ||
      file->pMethods->xFileSize(file, &bytes) != SQLITE_OK)
    return Fail(Code::kIo, "{}: its size cannot be read", path);
  if (bytes == 0) return Owner::kNobody;
  const int code = file->pMethods->xRead(file, header.data(), static_cast<int>(header.size()), 0);
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
    return Fail(Code::kIo, "{}: {}", path, sqlite3_errstr(code));
  if (std::string_view(header.data(), kMagic.size()) != kMagic) return Owner::kOthers;
  std::uint32_t found = 0;
  for (std::size_t i = header.size() - 4; i < header.size(); ++i)
    found = found << 8 | static_cast<unsigned char>(header[i]);
  return found == id ? Owner::kUs : Owner::kOthers;
}

Error NotOurs(const std::string& path) {
  return Fail(Code::kInvalid,
              "{}: is no file of hadal's that this version reads; it is left as it is: name "
              "another folder, or move it away",
              path);
}

// Source: sqlite.org, Uniform Resource Identifiers.
std::string UnchangingUri(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "file:";  // else "//x" is a machine's name
  for (const char c : path)
    if (c == '%' || c == '?' || c == '#')
      uri += fmt::format("%{:02x}", static_cast<unsigned>(c));
    else
      uri += c;
  return uri + "?immutable=1";
}

// Opens and closes nothing that is there: see OwnerOf.
Status MakeFile(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    ::close(fd);
    return Unit{};
  }
  if (errno != EEXIST) return SystemError(path, "open");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return SystemError(path, "open");
  if (S_ISREG(info.st_mode)) return Unit{};
  return Fail(Code::kIo, "{}: found {}, expected a file", path,
              S_ISLNK(info.st_mode) ? "a link" : "a folder or device");
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::Bind(int parameter, std::int64_t value) {
  ok_ = sqlite3_bind_int64(statement_.get(), parameter, value) == SQLITE_OK && ok_;
  return *this;
}

Statement& Statement::Bind(int parameter, std::string_view text) {
  ok_ = sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) == SQLITE_OK &&
        ok_;
  return *this;
}

bool Statement::Step() {
  if (!ok_) return false;
  const int code = sqlite3_step(statement_.get());
  ok_ = code == SQLITE_ROW || code == SQLITE_DONE;
  return code == SQLITE_ROW;
}

void Statement::Reset() {
  if (statement_ == nullptr) return;  // of a damaged file
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  ok_ = true;
}

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  const int bytes = sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? std::string() : std::string(text, static_cast<std::size_t>(bytes));
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close(db); }

Result<Database> Database::Open(const std::string& path, const DatabaseKind& kind,
                                std::string* note) {
  static std::mutex opening;  // one makes the file, in this process; others find it made
  const std::lock_guard lock(opening);
  HADAL_TRY_STATUS(MakeFile(path));
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  Database db(opened);
  if (code != SQLITE_OK) return Fail(Code::kIo, "{}: {}", path, sqlite3_errstr(code));
  HADAL_TRY(const Owner owner, OwnerOf(opened, path, kind.id));
  if (owner == Owner::kOthers) return NotOurs(path);
  const Status prepared = db.Prepare(path, kind);
  if (prepared.ok()) return db;
  if (note == nullptr || prepared.error().code != Code::kCorrupt) return prepared.error();
  HADAL_TRY_STATUS(db.BeginAnew(path));
  HADAL_TRY_STATUS(db.Prepare(path, kind));
  *note = prepared.error().what + "; it is begun anew";
  return db;
}

// No locks and no log: the file alone.
Result<Database> Database::OpenUnchanging(const std::string& path, const DatabaseKind& kind) {
  struct stat log {};
  if (::lstat((path + "-wal").c_str(), &log) == 0 && log.st_size > 0)
    return Fail(Code::kIo,
                "{}-wal: what was written last can be read only in a folder that may be written",
                path);
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(UnchangingUri(path).c_str(), &opened,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr);
  Database db(opened);
  if (code != SQLITE_OK) return Fail(Code::kIo, "{}: {}", path, sqlite3_errstr(code));
  HADAL_TRY(const Owner owner, OwnerOf(opened, path, kind.id));
  if (owner != Owner::kUs) return NotOurs(path);
  HADAL_TRY_STATUS(db.Check(path, kind));
  return db;
}

void Database::WaitForOthers(std::chrono::milliseconds longest, const std::atomic<bool>* hurry) {
  patience_ = std::make_unique<Patience>(Patience{longest, hurry});
  const auto wait = [](void* of, int waits_before) -> int {
    constexpr std::chrono::milliseconds kWait{10};
    const auto& patience = *static_cast<const Patience*>(of);
    const bool soon = patience.hurry != nullptr && *patience.hurry;
    if (waits_before * kWait >= (soon ? kBusy : patience.longest)) return 0;
    std::this_thread::sleep_for(kWait);
    return 1;
  };
  sqlite3_busy_handler(db_.get(), wait, patience_.get());
}

// In its place and under SQLite's locks: who has it open goes on with the empty one. A program that
// is killed before the tables are made leaves the old header, and the next one makes them.
Status Database::BeginAnew(const std::string& path) {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_RESET_DATABASE, 1, nullptr);
  const bool done = Run("VACUUM");
  const Error failure = Failure(path);
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_RESET_DATABASE, 0, nullptr);
  if (done) return Unit{};
  return failure;
}

Status Database::Prepare(const std::string& path, const DatabaseKind& kind) {
  sqlite3_busy_timeout(db_.get(), static_cast<int>(kBusy.count()));
  // Flushed to the disk is what is copied from the log, so that a power cut damages nothing.
  // What is deleted is overwritten: it is of what people asked.
  Run("PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=1048576; PRAGMA secure_delete=ON");
  if (First("PRAGMA user_version") == "0") HADAL_TRY_STATUS(MakeTables(path, kind));
  HADAL_TRY_STATUS(Check(path, kind));
  // Only now: a file whose making was killed is empty, and nobody's. Where others open it too,
  // SQLite fails at once, whatever the timeout.
  for (int trials = 0; First("PRAGMA journal_mode=WAL").empty(); ++trials) {
    if (trials == kBusy.count() || !in_use()) return Failure(path);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return Unit{};
}

Status Database::Check(const std::string& path, const DatabaseKind& kind) {
  const std::string version = First("PRAGMA user_version");
  if (version.empty()) return Failure(path);
  if (version != std::to_string(kind.version))
    return Fail(Code::kInvalid, "{}: has version {}, expected {}; name another folder", path,
                version, kind.version);
  const std::string check = First("PRAGMA quick_check(1)");
  if (check.empty()) return Failure(path);
  if (check != "ok") return Fail(Code::kCorrupt, "{}: is damaged", path);
  return Unit{};
}

Status Database::MakeTables(const std::string& path, const DatabaseKind& kind) {
  Transaction transaction(*this);
  if (!transaction.begun()) return Failure(path);
  if (First("PRAGMA user_version") != "0") return Unit{};  // another program was faster
  const std::string make = fmt::format("{}; PRAGMA application_id={}; PRAGMA user_version={}",
                                       kind.schema, kind.id, kind.version);
  if (Run(make.c_str()) && transaction.Commit()) return Unit{};
  return Failure(path);
}

std::string Database::First(const char* sql) {
  Statement statement = Prepare(sql);
  return statement.Step() ? statement.Text(0) : std::string();
}

Error Database::Failure(const std::string& path) const {
  const int code = sqlite3_extended_errcode(db_.get());
  const bool damaged = (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB ||
                       code == SQLITE_IOERR_SHORT_READ;
  if (damaged) return Fail(Code::kCorrupt, "{}: is damaged", path);
  const bool refused = (code & 0xFF) == SQLITE_CANTOPEN || (code & 0xFF) == SQLITE_READONLY;
  return Fail(Code::kIo, "{}: {}{}", path, sqlite3_errmsg(db_.get()),
              refused ? "; it and its folder must be writable" : "");
}

Statement Database::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db_.get(), sql, -1, &statement, nullptr);
  return Statement(statement);  // null, of a damaged file: nothing that is asked of it is ok
}

bool Database::Run(const char* sql) {
  return sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool Database::in_use() const { return sqlite3_errcode(db_.get()) == SQLITE_BUSY; }

bool Database::full() const { return sqlite3_errcode(db_.get()) == SQLITE_FULL; }

bool Database::ForgetDeleted() {
  return Run("VACUUM") && First("PRAGMA wal_checkpoint(TRUNCATE)") == "0";
}

std::optional<std::int64_t> Database::WritesOfOthers() {
  if (!writes_ || !writes_->ok()) writes_.emplace(Prepare("PRAGMA data_version"));
  const StatementUse version(*writes_);
  if (!version->Step()) return std::nullopt;
  return version->Integer(0);
}

std::int64_t Database::last_id() const { return sqlite3_last_insert_rowid(db_.get()); }

}  // namespace hadal::io
