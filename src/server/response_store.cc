#include "server/response_store.h"

namespace hadal::server {
namespace {

std::size_t BytesOf(const std::vector<chat::Message>& messages) {
  std::size_t bytes = 512;
  for (const chat::Message& message : messages) {
    bytes += sizeof message + message.content.size() + message.reasoning.size();
    for (const chat::ToolCall& call : message.tool_calls)
      bytes += sizeof call + call.id.size() + call.name.size() + call.arguments.size();
  }
  return bytes;
}

}  // namespace

void ResponseStore::Keep(std::uint64_t scope, const std::string& id,
                         std::vector<chat::Message> messages) {
  const std::size_t bytes = BytesOf(messages);
  const std::lock_guard lock(mutex_);
  kept_.push_front({{scope, id}, std::move(messages), bytes});
  by_id_[kept_.front().key] = kept_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && !kept_.empty()) {
    bytes_ -= kept_.back().bytes;
    by_id_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

std::optional<std::vector<chat::Message>> ResponseStore::Find(std::uint64_t scope,
                                                              const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find({scope, id});
  if (found == by_id_.end()) return std::nullopt;
  kept_.splice(kept_.begin(), kept_, found->second);
  return found->second->messages;
}

std::size_t ResponseStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hadal::server
