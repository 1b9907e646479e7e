// Turns with calls of tools in a database on disk, where they outlive the server.
//
// Bounded, all servers over the folder together: what was used longest ago is forgotten, and what
// is no turn of the model's at once. Where the disk refuses, nothing is kept, and one warning says
// so. One thread at a time.
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

// Whose turns they are.
struct ToolModel {
  std::string fingerprint = {};  // turns of another are not found
  std::size_t vocab_size = 0;
};

class ToolStore {
 public:
  // FOLDER/tools.db; both are made if they are not there. kInvalid, kIo, and the note:
  // io/database.h.
  static Result<std::unique_ptr<ToolStore>> Open(const std::string& folder, const ToolModel& model,
                                                 std::size_t max_bytes, std::string* note);

  // Every turn of every model, without a trace. Nothing happens where there is no FOLDER/tools.db.
  static Status Erase(const std::string& folder);

  void Keep(std::uint64_t owner, const ToolTurn& turn);
  std::optional<ToolTurn> Find(std::uint64_t owner, const std::string& call_id);
  std::size_t bytes() const { return bytes_; }  // of the turns, when one was kept last

 private:
  ToolStore(io::Database db, ToolModel model, std::size_t max_bytes);
  std::string OwnerText(std::uint64_t owner) const;
  bool Insert(const std::string& owner, const std::string& body, const ToolTurn& turn);
  void Count();   // if another program has changed the file
  bool Forget();  // what is too much
  bool Remove(std::int64_t turn, std::size_t bytes);
  void Failed();

  io::Database db_;
  const ToolModel model_;
  const std::size_t max_bytes_;
  io::Statement insert_turn_, insert_call_, find_, use_, oldest_, forget_calls_, forget_turn_, sum_;
  std::optional<std::int64_t> counted_;  // what others had written when bytes_ was counted
  std::size_t bytes_ = 0;
  bool warned_ = false;
};

}  // namespace hadal::server
