// Turns with calls of tools in a database on disk, where they outlive the server.
//
// Bounded: what was used longest ago is forgotten. Where the disk refuses, nothing is kept, and one
// warning says so. One thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "io/database.h"
#include "server/tool_turn.h"

namespace hadal::server {

class ToolStore {
 public:
  // FOLDER/tools.db; both are made if they are not there. `model`: turns of another are not
  // found. kInvalid, kIo, and the note: io/database.h.
  static Result<std::unique_ptr<ToolStore>> Open(const std::string& folder,
                                                 const std::string& model, std::size_t max_bytes,
                                                 std::string* note);

  // Every turn of every model, without a trace. Nothing happens where there is no FOLDER/tools.db.
  static Status Erase(const std::string& folder);

  void Keep(std::uint64_t owner, const ToolTurn& turn);
  std::optional<ToolTurn> Find(std::uint64_t owner, const std::string& call_id);
  std::size_t bytes() const { return bytes_; }  // of the turns

 private:
  ToolStore(io::Database db, std::string model, std::size_t max_bytes);
  std::string OwnerText(std::uint64_t owner) const;
  bool Insert(const std::string& owner, const std::string& body, const ToolTurn& turn);
  bool Forget();  // what is too much
  void Failed();

  io::Database db_;
  const std::string model_;
  const std::size_t max_bytes_;
  io::Statement insert_turn_, insert_call_, find_, use_, oldest_, forget_calls_, forget_turn_;
  std::size_t bytes_ = 0;
  bool warned_ = false;
};

}  // namespace hadal::server
