// Conversations by the ids of their last answers, for clients that send only what is new
// (previous_response_id). In memory and bounded: what was used longest ago is forgotten. Any
// thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chat/message.h"

namespace hadal::server {

class ResponseStore {
 public:
  explicit ResponseStore(std::size_t max_bytes = std::size_t{64} << 20) : max_bytes_(max_bytes) {}

  void Keep(std::uint64_t scope, const std::string& id, std::vector<chat::Message> messages);
  std::optional<std::vector<chat::Message>> Find(std::uint64_t scope, const std::string& id);
  std::size_t bytes() const;

 private:
  using Key = std::pair<std::uint64_t, std::string>;
  struct Kept {
    Key key;
    std::vector<chat::Message> messages;
    std::size_t bytes;
  };
  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::list<Kept> kept_;  // the last used first
  std::map<Key, std::list<Kept>::iterator> by_id_;
  std::size_t bytes_ = 0;
};

}  // namespace hadal::server
