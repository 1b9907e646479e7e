#include "cache/segment_store.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "io/file_stamp.h"
#include "io/own_folder.h"
#include "io/system_error.h"

namespace hadal::cache {
namespace {

namespace fs = std::filesystem;

// Rows are read by the order of these columns.
constexpr io::DatabaseKind kIndex{
    .id = 0x68646c63,  // "hdlc"
    .version = 1,
    .schema =
        "CREATE TABLE segments(name TEXT PRIMARY KEY, parent TEXT NOT NULL, model TEXT NOT "
        "NULL, state INTEGER NOT NULL, tokens INTEGER NOT NULL, mtp_tokens INTEGER NOT NULL, "
        "earliest INTEGER NOT NULL, mtp_earliest INTEGER NOT NULL, behind TEXT NOT NULL, "
        "bytes INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX by_parent ON segments(parent);"
        "CREATE INDEX by_use ON segments(used);"
        "CREATE TABLE remembered(key TEXT PRIMARY KEY, value TEXT NOT NULL)"};

constexpr unsigned kOwnerAlone = 0600;
// After so long nobody is still writing a segment.
constexpr std::chrono::minutes kLongestWrite{10};
constexpr std::size_t kLitterAtOnce = 64;  // removed under one lock
// Of what is to be written, that much goes where the disk is full: it is not the only writer there.
constexpr std::uint64_t kRoom = 2;

std::string TextOf(std::span<const std::int32_t> tokens) {
  std::string text;
  for (const std::int32_t token : tokens) text += fmt::format("{} ", token);
  return text;
}

std::vector<std::int32_t> TokensOf(const std::string& text) {
  std::vector<std::int32_t> tokens;
  const char* at = text.c_str();
  for (char* end = nullptr;; at = end) {
    const long token = std::strtol(at, &end, 10);
    if (end == at) return tokens;
    tokens.push_back(static_cast<std::int32_t>(token));
  }
}

std::uint64_t Number(const io::Statement& row, int column) {
  const std::int64_t value = row.Integer(column);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// Absent: a row that this program did not write.
std::optional<Segment> SegmentOf(const io::Statement& row) {
  const auto name = io::Digest::FromHex(row.Text(0)), parent = io::Digest::FromHex(row.Text(1));
  if (!name || !parent) return std::nullopt;
  return Segment{.name = *name,
                 .parent = *parent,
                 .model = row.Text(2),
                 .state = row.Integer(3) != 0,
                 .done = {Number(row, 4), Number(row, 5)},
                 .earliest = {Number(row, 6), Number(row, 7)},
                 .behind = TokensOf(row.Text(8)),
                 .bytes = Number(row, 9),
                 .used_ms = row.Integer(10)};
}

std::int64_t Signed(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::uint64_t MostFileBytes() {  // of this process
  rlimit limit{};
  const bool known = getrlimit(RLIMIT_FSIZE, &limit) == 0;
  return known ? limit.rlim_cur : RLIM_INFINITY;
}

bool IsOld(const fs::path& path) {
  std::error_code problem;
  const auto written = fs::last_write_time(path, problem);
  return !problem && fs::file_time_type::clock::now() - written > kLongestWrite;
}

}  // namespace

Result<SegmentStore> SegmentStore::Open(const std::string& folder, bool make, std::string* note) {
  const std::string index = folder + "/index.db";
  std::error_code problem;
  if (!make && !fs::exists(index, problem))
    return Fail(Code::kNotFound, "{}: found no index.db, expected a folder of --cache-dir", folder);
  if (make) {
    HADAL_TRY_STATUS(io::MakeOwnFolder(folder));
    HADAL_TRY_STATUS(io::MakeOwnFolder(folder + "/segments"));
  }
  const bool read_only = !make && faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) != 0;
  HADAL_TRY(io::Database db, read_only ? io::Database::OpenUnchanging(index, kIndex)
                                       : io::Database::Open(index, kIndex, note));
  return SegmentStore(folder, std::move(db), read_only);
}

std::string SegmentStore::PathOf(const io::Digest& name) const {
  const std::string hex = name.Hex();
  return folder_ + "/segments/" + hex.substr(0, 2) + "/" + hex;
}

Error SegmentStore::Unread() const {
  return Fail(Code::kIo, "{}: the index cannot be read", folder_);
}

Error SegmentStore::Unwritten() const {
  if (db_.full()) return Fail(Code::kExhausted, "{}: no room on the disk for the index", folder_);
  if (db_.in_use())
    return Fail(Code::kIo, "{}: the index is in use by another program for too long", folder_);
  return Fail(Code::kIo, "{}: the index cannot be written", folder_);
}

io::Statement& SegmentStore::Ready(std::optional<io::Statement>* kept, const char* sql) {
  if (!*kept || !(*kept)->ok()) *kept = db_.Prepare(sql);
  return **kept;
}

Result<std::optional<Segment>> SegmentStore::Find(const io::Digest& name) {
  const io::StatementUse find(Ready(&find_, "SELECT * FROM segments WHERE name = ?"));
  std::optional<Segment> found;
  if (find->Bind(1, name.Hex()).Step()) found = SegmentOf(*find);
  if (!find->ok()) return Unread();
  return found;
}

Result<std::vector<Segment>> SegmentStore::StatesBehind(const io::Digest& parent) {
  const io::StatementUse behind(
      Ready(&behind_, "SELECT * FROM segments WHERE parent = ? AND state = 1"));
  behind->Bind(1, parent.Hex());
  std::vector<Segment> states;
  while (behind->Step())
    if (auto segment = SegmentOf(*behind)) states.push_back(std::move(*segment));
  if (!behind->ok()) return Unread();
  return states;
}

Result<bool> SegmentStore::HasBehind(const io::Digest& parent) {
  io::Statement find = db_.Prepare("SELECT 1 FROM segments WHERE parent = ? LIMIT 1");
  const bool found = find.Bind(1, parent.Hex()).Step();
  if (!find.ok()) return Unread();
  return found;
}

Result<bool> SegmentStore::IsEmpty() {
  io::Statement find = db_.Prepare("SELECT 1 FROM segments LIMIT 1");
  const bool found = find.Step();
  if (!find.ok()) return Unread();
  return !found;
}

Result<std::vector<Segment>> SegmentStore::All() {
  io::Statement find = db_.Prepare("SELECT * FROM segments ORDER BY model, used DESC, name");
  std::vector<Segment> all;
  while (find.Step())
    if (auto segment = SegmentOf(find)) all.push_back(std::move(*segment));
  if (!find.ok()) return Unread();
  return all;
}

Result<std::set<std::string>> SegmentStore::Names() {
  io::Statement find = db_.Prepare("SELECT name FROM segments");
  std::set<std::string> names;
  while (find.Step()) names.insert(find.Text(0));
  if (!find.ok()) return Unread();
  return names;
}

Result<StoreTotals> SegmentStore::Totals() {
  io::Statement sum = db_.Prepare("SELECT count(*), sum(state), sum(bytes) FROM segments");
  if (!sum.Step()) return Unread();
  return StoreTotals{.segments = Number(sum, 0), .states = Number(sum, 1), .bytes = Number(sum, 2)};
}

Result<std::uint64_t> SegmentStore::Bytes() {
  const std::optional<std::int64_t> writes = db_.WritesOfOthers();
  if (!writes) return Unread();
  if (!counted_ || counted_->writes_of_others != *writes) {
    HADAL_TRY(const StoreTotals totals, Totals());
    counted_ = Counted{.writes_of_others = *writes, .bytes = totals.bytes};
  }
  return counted_->bytes;
}

Status SegmentStore::UnderLock(const std::function<Status()>& work) {
  struct Recount {  // what is undone is counted anew
    std::optional<Counted>& counted;
    bool needed = true;
    ~Recount() {
      if (needed) counted.reset();
    }
  } recount{counted_};
  io::Transaction transaction(db_);
  if (!transaction.begun()) return Unwritten();
  const Status done = work();
  if (!done.ok()) return done;
  if (!transaction.Commit()) return Unwritten();
  recount.needed = false;
  return done;
}

Status SegmentStore::Insert(const Segment& segment) {
  HADAL_TRY(const std::optional<Segment> before, Find(segment.name));
  io::Statement insert =
      db_.Prepare("INSERT OR REPLACE INTO segments VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(1, segment.name.Hex())
      .Bind(2, segment.parent.Hex())
      .Bind(3, segment.model)
      .Bind(4, std::int64_t{segment.state ? 1 : 0})
      .Bind(5, Signed(segment.done.tokens))
      .Bind(6, Signed(segment.done.mtp_tokens))
      .Bind(7, Signed(segment.earliest.tokens))
      .Bind(8, Signed(segment.earliest.mtp_tokens))
      .Bind(9, TextOf(segment.behind))
      .Bind(10, Signed(segment.bytes))
      .Bind(11, UnixMilliseconds())
      .Step();
  if (!insert.ok()) return Unwritten();
  if (counted_) counted_->bytes += segment.bytes - (before ? before->bytes : 0);
  return Unit{};
}

Status SegmentStore::TakeOut(const std::string& name) {
  io::Statement find = db_.Prepare("SELECT bytes FROM segments WHERE name = ?");
  const std::uint64_t bytes = find.Bind(1, name).Step() ? Number(find, 0) : 0;
  if (!find.ok()) return Unread();
  io::Statement take = db_.Prepare("DELETE FROM segments WHERE name = ?");
  take.Bind(1, name).Step();
  if (!take.ok()) return Unwritten();
  if (counted_) counted_->bytes -= bytes;
  return Unit{};
}

// Under the lock. They are named no longer; their files are still there. By the index, or each one
// costs reading all rows.
Result<std::vector<io::Digest>> SegmentStore::TakeOldest(std::uint64_t limit_bytes) {
  std::vector<io::Digest> taken;
  HADAL_TRY(std::uint64_t bytes, Bytes());
  while (bytes > limit_bytes) {
    io::Statement oldest = db_.Prepare(
        "SELECT name FROM segments AS s INDEXED BY by_use WHERE NOT EXISTS (SELECT 1 FROM segments "
        "AS c WHERE c.parent = s.name) ORDER BY used LIMIT 1");
    if (!oldest.Step()) {
      if (!oldest.ok()) return Unread();
      break;
    }
    const std::string name = oldest.Text(0);
    HADAL_TRY_STATUS(TakeOut(name));
    HADAL_TRY(bytes, Bytes());
    // A row that this program did not write has no file.
    if (const auto digest = io::Digest::FromHex(name)) taken.push_back(*digest);
  }
  return taken;
}

// Under the lock once more: another program may have put one of them there again.
void SegmentStore::Unlink(std::span<const io::Digest> names) {
  if (names.empty()) return;
  const Status done = UnderLock([&]() -> Status {
    for (const io::Digest& name : names) {
      HADAL_TRY(const std::optional<Segment> named, Find(name));
      if (!named) unlink(PathOf(name).c_str());
    }
    return Unit{};
  });
  static_cast<void>(done);  // then they are litter
}

// A disk that is full before the limit is reached has its own. What no file may be as large as is
// refused however much goes.
Status SegmentStore::Put(const Segment& segment,
                         const std::function<Status(io::AtomicFile*)>& write,
                         std::uint64_t limit_bytes) {
  const Status done = TryPut(segment, write, limit_bytes);
  if (done.ok() || done.error().code != Code::kExhausted || segment.bytes > MostFileBytes())
    return done;
  // Else the log may have no room for what goes.
  db_.Run("PRAGMA wal_checkpoint(TRUNCATE)");
  HADAL_TRY(const std::uint64_t bytes, Bytes());
  HADAL_TRY(const std::uint64_t gone, Shrink(bytes - std::min(bytes, kRoom * segment.bytes)));
  return gone > 0 ? TryPut(segment, write, limit_bytes) : done;
}

// Flushing is slow: the file before the lock is taken, the folder behind it.
Status SegmentStore::TryPut(const Segment& segment,
                            const std::function<Status(io::AtomicFile*)>& write,
                            std::uint64_t limit_bytes) {
  const std::string path = PathOf(segment.name);
  HADAL_TRY_STATUS(io::MakeOwnFolder(io::FolderOf(path)));
  HADAL_TRY(io::AtomicFile file, io::AtomicFile::Create(path, kOwnerAlone));
  HADAL_TRY_STATUS(write(&file));
  HADAL_TRY_STATUS(file.Flush());
  std::vector<io::Digest> gone;
  bool tried = false;
  const Status done = UnderLock([&]() -> Status {
    tried = true;
    // Another program may have put the same there since this one began, and named it: it is as
    // good. A file that nobody names may be half of one, and the disk may have refused this.
    if (const Status placed = file.Place(); !placed.ok()) {
      HADAL_TRY(const std::optional<Segment> there, Find(segment.name));
      if (!there) return placed;
    }
    HADAL_TRY_STATUS(Insert(segment));
    HADAL_TRY(gone, TakeOldest(limit_bytes));
    return Unit{};
  });
  if (!done.ok()) {
    if (tried) Unlink({&segment.name, 1});  // it may be in its place, and take room there
    return done.error();
  }
  Unlink(gone);
  return io::FlushFolder(io::FolderOf(path));
}

Status SegmentStore::Touch(std::span<const io::Digest> names) {
  return UnderLock([&]() -> Status {
    const std::int64_t now = UnixMilliseconds();
    for (const io::Digest& name : names) {
      io::Statement touch = db_.Prepare("UPDATE segments SET used = ? WHERE name = ?");
      touch.Bind(1, now).Bind(2, name.Hex()).Step();
      if (!touch.ok()) return Unwritten();
    }
    return Unit{};
  });
}

Status SegmentStore::Remove(std::span<const io::Digest> names) {
  const Status done = UnderLock([&]() -> Status {
    for (const io::Digest& name : names) HADAL_TRY_STATUS(TakeOut(name.Hex()));
    return Unit{};
  });
  if (!done.ok()) return done.error();
  Unlink(names);
  return Unit{};
}

std::string SegmentStore::StampOf(const io::Digest& name) const {
  const auto stamp = io::FileStamp(PathOf(name));
  return stamp.ok() ? *stamp : std::string();
}

// Under the lock: what others have evicted and stored again since is as good as new.
Result<bool> SegmentStore::Drop(const io::Digest& name, const std::string& stamp) {
  bool dropped = false;
  const Status done = UnderLock([&]() -> Status {
    HADAL_TRY(const std::optional<Segment> named, Find(name));
    dropped = named && StampOf(name) == stamp;
    return dropped ? TakeOut(name.Hex()) : Status(Unit{});
  });
  if (!done.ok()) return done.error();
  if (dropped) Unlink({&name, 1});
  return dropped;
}

Status SegmentStore::Erase() {
  const Status done = UnderLock([&]() -> Status {
    counted_.reset();
    if (db_.Run("DELETE FROM segments; DELETE FROM remembered")) return Unit{};
    return Unwritten();
  });
  if (!done.ok()) return done.error();
  HADAL_TRY([[maybe_unused]] const std::uint64_t files, RemoveLitter(true));
  if (db_.ForgetDeleted()) return Unit{};
  return Fail(Code::kIo,
              "{}: nothing is kept any more, but the index is in use, and its log may still have "
              "some of it; try again",
              folder_);
}

Result<std::uint64_t> SegmentStore::Shrink(std::uint64_t limit_bytes) {
  HADAL_TRY(const std::uint64_t bytes, Bytes());
  if (bytes <= limit_bytes) return std::uint64_t{0};
  std::vector<io::Digest> gone;
  const Status done = UnderLock([&]() -> Status {
    HADAL_TRY(gone, TakeOldest(limit_bytes));
    return Unit{};
  });
  if (!done.ok()) return done.error();
  Unlink(gone);
  return std::uint64_t{gone.size()};
}

Result<std::uint64_t> SegmentStore::RemoveLitter(bool all_temporaries) {
  // Were one missing here, its file would be taken for litter, if only until it is asked for.
  HADAL_TRY(const std::set<std::string> named, Names());
  std::vector<std::string> litter;
  std::uint64_t removed = 0;
  const auto remove = [&]() -> Status {
    HADAL_TRY(const std::uint64_t now, UnlinkLitter(litter));
    removed += now;
    litter.clear();
    return Unit{};
  };
  std::error_code problem;
  for (fs::recursive_directory_iterator at(folder_ + "/segments", problem), end;
       !problem && at != end; at.increment(problem)) {
    std::error_code gone;
    if (!at->is_regular_file(gone) || at->is_symlink(gone)) continue;
    const std::string name = at->path().filename().string();
    const bool ours = io::IsLeftOver(name) ? all_temporaries || IsOld(at->path())
                                           : io::Digest::FromHex(name) && !named.contains(name);
    if (ours) litter.push_back(at->path().string());
    if (litter.size() == kLitterAtOnce) HADAL_TRY_STATUS(remove());
  }
  HADAL_TRY_STATUS(remove());
  return removed;
}

// Under the lock no file is between its place and the index, but for those of the dead: what was
// named since it was found stays.
Result<std::uint64_t> SegmentStore::UnlinkLitter(std::span<const std::string> paths) {
  std::uint64_t removed = 0;
  if (paths.empty()) return removed;
  const Status done = UnderLock([&]() -> Status {
    for (const std::string& path : paths) {
      if (const auto name = io::Digest::FromHex(fs::path(path).filename().string())) {
        HADAL_TRY(const std::optional<Segment> named, Find(*name));
        if (named) continue;
      }
      if (unlink(path.c_str()) == 0) ++removed;
    }
    return Unit{};
  });
  if (!done.ok()) return done.error();
  return removed;
}

std::optional<std::string> SegmentStore::Recall(const std::string& key) {
  io::Statement find = db_.Prepare("SELECT value FROM remembered WHERE key = ?");
  if (!find.Bind(1, key).Step()) return std::nullopt;
  return find.Text(0);
}

Status SegmentStore::Remember(const std::string& key, const std::string& value) {
  io::Statement put = db_.Prepare("INSERT OR REPLACE INTO remembered VALUES(?, ?)");
  put.Bind(1, key).Bind(2, value).Step();
  if (put.ok()) return Unit{};
  return Unwritten();
}

}  // namespace hadal::cache
