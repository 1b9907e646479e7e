// What the model sampled when it called tools, by the calls' ids: so that the next turn's prompt
// has the very tokens that a cache holds, and the reasoning that most clients do not send back.
//
// Bounded: what was used longest ago is forgotten. Ids belong to their owner: the key that they
// were given to, and the conversation. Any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "chat/message.h"
#include "server/answer.h"
#include "server/tool_store.h"
#include "server/tool_turn.h"

namespace hadal::server {

// Whose calls a conversation's are: `scope` of the key, and the user's first message, with which
// the conversation begins wherever it goes.
std::uint64_t CallsOwner(std::uint64_t scope, const std::vector<chat::Message>& messages);

class ToolMemory {
 public:
  explicit ToolMemory(std::size_t max_bytes = std::size_t{64} << 20) : max_bytes_(max_bytes) {}

  // Where turns are kept besides, before the first of them.
  void KeepIn(std::unique_ptr<ToolStore> store) { store_ = std::move(store); }

  // `thinking`: the turn began inside the reasoning. An answer without calls, or one that did not
  // end by itself, is not kept.
  void Remember(std::uint64_t owner, const Answer& answer, bool thinking);
  // Fills in what an assistant's messages lack: their tokens, if content and calls are those that
  // were sampled, and the reasoning. Ids that are not known change nothing.
  void Restore(std::uint64_t owner, std::vector<chat::Message>* messages);

  std::size_t bytes() const;       // in memory
  std::size_t disk_bytes() const;  // kept besides

 private:
  using Key = std::pair<std::uint64_t, std::string>;  // owner, call id
  struct Kept {
    std::uint64_t owner;
    ToolTurn turn;
  };
  using Turns = std::list<Kept>;

  const ToolTurn& Add(std::uint64_t owner, ToolTurn turn);
  const ToolTurn* Find(std::uint64_t owner, const std::string& call_id);
  void RestoreOne(std::uint64_t owner, chat::Message* message);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  Turns turns_;  // the last used first
  std::map<Key, Turns::iterator> by_call_;
  std::size_t bytes_ = 0;
  std::unique_ptr<ToolStore> store_;
};

}  // namespace hadal::server
