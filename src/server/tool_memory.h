// What the model sampled when it called tools, by the calls' ids: so that the next turn's prompt
// has the very tokens that a cache holds, and the reasoning that most clients do not send back.
//
// Bounded: what was used longest ago is forgotten. Ids belong to the key that they were given to.
// Any thread.
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

namespace hadal::server {

class ToolMemory {
 public:
  explicit ToolMemory(std::size_t max_bytes = std::size_t{64} << 20) : max_bytes_(max_bytes) {}

  // `thinking`: the turn began inside the reasoning. An answer without calls, or one that did not
  // end by itself, is not kept.
  void Remember(std::uint64_t scope, const Answer& answer, bool thinking);
  // Fills in what an assistant's messages lack: their tokens, if content and calls are those that
  // were sampled, and the reasoning. Ids that are not known change nothing.
  void Restore(std::uint64_t scope, std::vector<chat::Message>* messages);

  std::size_t bytes() const;

 private:
  using Key = std::pair<std::uint64_t, std::string>;  // scope, call id
  struct Turn {
    std::vector<Key> keys;  // of all its calls
    std::string reasoning, content;
    std::vector<AnswerCall> calls;
    std::vector<std::int32_t> tokens;
    bool thinking = false;
    std::size_t bytes = 0;
  };
  using Turns = std::list<Turn>;

  void RestoreOne(std::uint64_t scope, chat::Message* message);

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  Turns turns_;  // the last used first
  std::map<Key, Turns::iterator> by_call_;
  std::size_t bytes_ = 0;
};

}  // namespace hadal::server
