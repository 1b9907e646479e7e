#include "server/tool_memory.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/json.h"
#include "io/checksum.h"

namespace hadal::server {
namespace {

// Clients print the arguments anew: spaces do not matter.
std::string Plain(const std::string& arguments) {
  const auto json = ParseJson(arguments);
  return json.ok() ? json->Dump() : arguments;
}

bool SameCalls(const std::vector<AnswerCall>& sampled, const std::vector<chat::ToolCall>& sent) {
  if (sampled.size() != sent.size()) return false;
  for (std::size_t i = 0; i < sent.size(); ++i)
    if (sampled[i].id != sent[i].id || sampled[i].name != sent[i].name ||
        Plain(sampled[i].arguments) != Plain(sent[i].arguments))
      return false;
  return true;
}

}  // namespace

std::uint64_t CallsOwner(std::uint64_t scope, const std::vector<chat::Message>& messages) {
  const auto first = std::ranges::find(messages, chat::Role::kUser, &chat::Message::role);
  std::string_view text;  // no copy of it
  if (first != messages.end()) text = first->content;
  return io::Checksum(std::as_bytes(std::span(text.data(), text.size())), scope);
}

void ToolMemory::Remember(std::uint64_t owner, const Answer& answer, bool thinking) {
  if (answer.finish != Finish::kToolCalls || answer.end.reason != engine::FinishReason::kEos)
    return;
  const std::lock_guard lock(mutex_);
  const ToolTurn& turn = Add(owner, {.reasoning = answer.reasoning,
                                     .content = answer.content,
                                     .calls = answer.calls,
                                     .tokens = answer.end.tokens,
                                     .thinking = thinking});
  if (store_ != nullptr) store_->Keep(owner, turn);
}

const ToolTurn& ToolMemory::Add(std::uint64_t owner, ToolTurn turn) {
  turns_.push_front({owner, std::move(turn)});
  const ToolTurn& added = turns_.front().turn;
  bytes_ += added.bytes();
  for (const AnswerCall& call : added.calls) by_call_[{owner, call.id}] = turns_.begin();
  while (bytes_ > max_bytes_ && turns_.size() > 1) {  // the newest stays until the next comes
    const Kept& last = turns_.back();
    for (const AnswerCall& call : last.turn.calls) by_call_.erase({last.owner, call.id});
    bytes_ -= last.turn.bytes();
    turns_.pop_back();
  }
  return added;
}

const ToolTurn* ToolMemory::Find(std::uint64_t owner, const std::string& call_id) {
  const auto found = by_call_.find({owner, call_id});
  if (found != by_call_.end()) {
    turns_.splice(turns_.begin(), turns_, found->second);
    return &turns_.front().turn;
  }
  if (store_ == nullptr) return nullptr;
  auto stored = store_->Find(owner, call_id);
  return stored ? &Add(owner, std::move(*stored)) : nullptr;
}

void ToolMemory::RestoreOne(std::uint64_t owner, chat::Message* message) {
  const ToolTurn* turn = Find(owner, message->tool_calls.front().id);
  if (turn == nullptr || !SameCalls(turn->calls, message->tool_calls)) return;
  if (message->reasoning.empty()) message->reasoning = turn->reasoning;
  if (message->content != turn->content || message->reasoning != turn->reasoning) return;
  message->sampled = turn->tokens;
  message->sampled_thinking = turn->thinking;
}

void ToolMemory::Restore(std::uint64_t owner, std::vector<chat::Message>* messages) {
  const std::lock_guard lock(mutex_);
  for (chat::Message& message : *messages)
    if (!message.tool_calls.empty()) RestoreOne(owner, &message);
}

std::size_t ToolMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t ToolMemory::disk_bytes() const {
  const std::lock_guard lock(mutex_);
  return store_ == nullptr ? 0 : store_->bytes();
}

}  // namespace hadal::server
