#include "chat/turns.h"

#include <algorithm>
#include <utility>

namespace hadal::chat {
namespace {

using CallIds = std::vector<std::string>;

// The results change places among themselves; texts stay where they are. Ids that are not known
// count as the first, one that is given twice as the last call that has it.
void SortResults(const CallIds& calls, std::vector<TurnPart>* parts) {
  const auto place = [&](const TurnPart& part) -> std::ptrdiff_t {
    const auto found = std::find(calls.rbegin(), calls.rend(), part.call_id);
    return part.call_id.empty() || found == calls.rend() ? 0 : calls.rend() - found - 1;
  };
  std::vector<TurnPart> results;
  std::ranges::copy_if(*parts, std::back_inserter(results), &TurnPart::result);
  std::ranges::stable_sort(results, {}, place);
  auto next = results.begin();
  for (TurnPart& part : *parts)
    if (part.result) part = std::move(*next++);
}

// A user's turn takes results; one with a task no further text.
bool TakesMore(const std::vector<Turn>& turns, bool result) {
  return !turns.empty() && turns.back().message.role == Role::kUser &&
         (result || turns.back().message.task.empty());
}

std::vector<Turn> JoinTurns(std::span<const Message> messages) {
  std::vector<Turn> turns;
  CallIds calls;  // of the last assistant that made any
  for (const Message& message : messages) {
    if (!message.tool_calls.empty()) {
      calls.clear();
      for (const ToolCall& call : message.tool_calls) calls.push_back(call.id);
    }
    const bool result = message.role == Role::kTool;
    if (!result && message.role != Role::kUser) {
      turns.push_back({message, {}});
      continue;
    }
    if (!TakesMore(turns, result)) {
      Message asked{.role = Role::kUser};  // its text is a part; the published format has no offers
      if (!result) asked.task = message.task;
      turns.push_back({std::move(asked), {}});
    }
    turns.back().parts.push_back({result, message.content, message.tool_call_id});
    SortResults(calls, &turns.back().parts);
  }
  return turns;
}

std::vector<Turn> SeparateTurns(std::span<const Message> messages) {
  std::vector<Turn> turns;
  for (const Message& message : messages) {
    const bool result = message.role == Role::kTool;
    if (!result || turns.empty() || turns.back().message.role != Role::kTool)
      turns.push_back({message, {}});
    if (result || message.role == Role::kUser)
      turns.back().parts.push_back({result, message.content, message.tool_call_id});
  }
  return turns;
}

}  // namespace

std::vector<Turn> MakeTurns(std::span<const Message> messages, bool join) {
  return join ? JoinTurns(messages) : SeparateTurns(messages);
}

std::optional<std::size_t> LastAsked(const std::vector<Turn>& turns) {
  for (std::size_t i = turns.size(); i-- > 0;)
    if (turns[i].message.role == Role::kUser || turns[i].message.role == Role::kDeveloper) return i;
  return std::nullopt;
}

std::vector<Turn> DropOldThinking(std::vector<Turn> turns) {
  const std::size_t last = LastAsked(turns).value_or(0);
  std::vector<Turn> kept;
  for (std::size_t i = 0; i < turns.size(); ++i) {
    if (i < last && turns[i].message.role == Role::kDeveloper) continue;
    if (i < last) turns[i].message.reasoning.clear();
    kept.push_back(std::move(turns[i]));
  }
  return kept;
}

}  // namespace hadal::chat
