#include "server/tool_memory.h"

#include "base/json.h"

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

void ToolMemory::Remember(std::uint64_t scope, const Answer& answer, bool thinking) {
  if (answer.finish != Finish::kToolCalls || answer.end.reason != engine::FinishReason::kEos)
    return;
  Turn turn{.keys = {},
            .reasoning = answer.reasoning,
            .content = answer.content,
            .calls = answer.calls,
            .tokens = answer.end.tokens,
            .thinking = thinking};
  turn.bytes = sizeof(Turn) + turn.reasoning.size() + turn.content.size() +
               turn.tokens.size() * sizeof(std::int32_t);
  for (const AnswerCall& call : turn.calls) {
    turn.keys.emplace_back(scope, call.id);
    turn.bytes += 4 * sizeof(Key) + 2 * call.id.size() + call.name.size() + call.arguments.size();
  }
  const std::lock_guard lock(mutex_);
  bytes_ += turn.bytes;
  turns_.push_front(std::move(turn));
  for (const Key& key : turns_.front().keys) by_call_[key] = turns_.begin();
  while (bytes_ > max_bytes_ && !turns_.empty()) {
    for (const Key& key : turns_.back().keys) by_call_.erase(key);
    bytes_ -= turns_.back().bytes;
    turns_.pop_back();
  }
}

void ToolMemory::RestoreOne(std::uint64_t scope, chat::Message* message) {
  const auto found = by_call_.find({scope, message->tool_calls.front().id});
  if (found == by_call_.end()) return;
  turns_.splice(turns_.begin(), turns_, found->second);
  const Turn& turn = *found->second;
  if (!SameCalls(turn.calls, message->tool_calls)) return;
  if (message->reasoning.empty()) message->reasoning = turn.reasoning;
  if (message->content != turn.content || message->reasoning != turn.reasoning) return;
  message->sampled = turn.tokens;
  message->sampled_thinking = turn.thinking;
}

void ToolMemory::Restore(std::uint64_t scope, std::vector<chat::Message>* messages) {
  const std::lock_guard lock(mutex_);
  for (chat::Message& message : *messages)
    if (!message.tool_calls.empty()) RestoreOne(scope, &message);
}

std::size_t ToolMemory::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace hadal::server
