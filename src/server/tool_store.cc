#include "server/tool_store.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "io/own_folder.h"

namespace hadal::server {
namespace {

constexpr io::DatabaseKind kKind{
    .id = 0x68646C74,  // "hdlt"
    .version = 1,
    .schema =
        "CREATE TABLE turns(id INTEGER PRIMARY KEY, used INTEGER NOT NULL, bytes INTEGER NOT NULL,"
        " body TEXT NOT NULL);"
        "CREATE INDEX turns_by_use ON turns(used);"
        "CREATE TABLE calls(owner TEXT NOT NULL, call TEXT NOT NULL, turn INTEGER NOT NULL,"
        " PRIMARY KEY(owner, call)) WITHOUT ROWID;"
        "CREATE INDEX calls_by_turn ON calls(turn)"};
constexpr const char* kNextUse = "(SELECT coalesce(max(used), 0) + 1 FROM turns)";

}  // namespace

Result<std::unique_ptr<ToolStore>> ToolStore::Open(const std::string& folder,
                                                   const ToolModel& model, std::size_t max_bytes,
                                                   std::string* note) {
  HADAL_TRY_STATUS(io::MakeOwnFolder(folder));
  HADAL_TRY(io::Database db, io::Database::Open(folder + "/tools.db", kKind, note));
  db.Run("CREATE INDEX IF NOT EXISTS turns_by_bytes ON turns(bytes)");  // so that a sum is quick
  auto store = std::unique_ptr<ToolStore>(new ToolStore(std::move(db), model, max_bytes));
  store->Count();
  if (!store->Forget()) store->Failed();
  return store;
}

Status ToolStore::Erase(const std::string& folder) {
  const std::string path = folder + "/tools.db";
  std::error_code problem;
  if (!std::filesystem::exists(path, problem)) return Unit{};
  std::string note;  // one that is damaged is empty then
  HADAL_TRY(io::Database db, io::Database::Open(path, kKind, &note));
  if (db.Run("DELETE FROM calls; DELETE FROM turns") && db.ForgetDeleted()) return Unit{};
  return Fail(Code::kIo, "{}: is in use, and may still have calls of tools; try again", path);
}

ToolStore::ToolStore(io::Database db, ToolModel model, std::size_t max_bytes)
    : db_(std::move(db)),
      model_(std::move(model)),
      max_bytes_(max_bytes),
      insert_turn_(db_.Prepare(
          fmt::format("INSERT INTO turns(used, bytes, body) VALUES({}, ?, ?)", kNextUse).c_str())),
      insert_call_(db_.Prepare("INSERT OR REPLACE INTO calls(owner, call, turn) VALUES(?, ?, ?)")),
      find_(db_.Prepare("SELECT turns.id, body FROM calls JOIN turns ON turns.id = turn"
                        " WHERE owner = ? AND call = ?")),
      use_(db_.Prepare(fmt::format("UPDATE turns SET used = {} WHERE id = ?", kNextUse).c_str())),
      oldest_(db_.Prepare("SELECT id, bytes FROM turns ORDER BY used LIMIT 1")),
      forget_calls_(db_.Prepare("DELETE FROM calls WHERE turn = ?")),
      forget_turn_(db_.Prepare("DELETE FROM turns WHERE id = ?")),
      sum_(db_.Prepare("SELECT coalesce(sum(bytes), 0) FROM turns")) {}

std::string ToolStore::OwnerText(std::uint64_t owner) const {
  return fmt::format("{}:{:016x}", model_.fingerprint, owner);
}

void ToolStore::Keep(std::uint64_t owner, const ToolTurn& turn) {
  const std::string body = ToolTurnJson(turn).Dump();
  {
    io::Transaction transaction(db_);
    if (transaction.begun()) {
      Count();
      if (Insert(OwnerText(owner), body, turn) && Forget() && transaction.Commit()) return;
    }
  }
  counted_.reset();
  Failed();
}

void ToolStore::Count() {
  const std::optional<std::int64_t> now = db_.WritesOfOthers();
  if (now && now == counted_) return;
  sum_.Reset();
  if (sum_.Step()) bytes_ = static_cast<std::size_t>(sum_.Integer(0));
  sum_.Reset();
  counted_ = now;
}

bool ToolStore::Insert(const std::string& owner, const std::string& body, const ToolTurn& turn) {
  insert_turn_.Reset();
  insert_turn_.Bind(1, static_cast<std::int64_t>(body.size())).Bind(2, body).Step();
  if (!insert_turn_.ok()) return false;
  bytes_ += body.size();
  const std::int64_t id = db_.last_id();
  for (const AnswerCall& call : turn.calls) {
    insert_call_.Reset();
    insert_call_.Bind(1, owner).Bind(2, call.id).Bind(3, id).Step();
    if (!insert_call_.ok()) return false;
  }
  return true;
}

bool ToolStore::Forget() {
  while (bytes_ > max_bytes_) {
    oldest_.Reset();
    if (!oldest_.Step()) {
      bytes_ = 0;
      return oldest_.ok();
    }
    const std::int64_t id = oldest_.Integer(0);
    const auto bytes = static_cast<std::size_t>(oldest_.Integer(1));
    oldest_.Reset();
    if (!Remove(id, bytes)) return false;
  }
  return true;
}

bool ToolStore::Remove(std::int64_t turn, std::size_t bytes) {
  for (io::Statement* forget : {&forget_calls_, &forget_turn_}) {
    forget->Reset();
    forget->Bind(1, turn).Step();
    if (!forget->ok()) return false;
  }
  bytes_ -= std::min(bytes_, bytes);
  return true;
}

std::optional<ToolTurn> ToolStore::Find(std::uint64_t owner, const std::string& call_id) {
  std::int64_t id = 0;
  std::string body;
  {
    const io::StatementUse find(find_);
    const bool found = find->Bind(1, OwnerText(owner)).Bind(2, call_id).Step();
    if (!find->ok()) Failed();
    if (!found) return std::nullopt;
    id = find->Integer(0);
    body = find->Text(1);
  }
  std::optional<ToolTurn> turn = ParseToolTurn(body, model_.vocab_size);
  if (!turn) {
    spdlog::warn("tools turn={} what=\"is none of this model's; it is forgotten\"", id);
    if (!Remove(id, body.size())) Failed();
    return std::nullopt;
  }
  use_.Reset();
  use_.Bind(1, id).Step();
  return turn;
}

void ToolStore::Failed() {
  if (!std::exchange(warned_, true))
    spdlog::warn("tools what=\"the database of calls cannot be used; they are kept in memory\"");
}

}  // namespace hadal::server
