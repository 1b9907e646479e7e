#include "chat/instructions.h"

#include <algorithm>
#include <utility>

namespace hadal::chat {
namespace {

bool Asks(const Message& message) {
  return message.role == Role::kUser || message.role == Role::kTool;
}

}  // namespace

void PlaceInstructions(std::vector<Message>* messages) {
  for (Message& message : *messages)
    if (message.role == Role::kDeveloper) message.role = Role::kSystem;
  std::vector<Message> placed;
  for (auto at = messages->begin(); at != messages->end(); ++at) {
    const bool behind = !placed.empty() && Asks(placed.back());
    const auto next = std::find_if(
        at, messages->end(), [](const Message& message) { return message.role != Role::kSystem; });
    const bool answered = next == messages->end() || next->role == Role::kAssistant;
    if (at->role == Role::kSystem && (behind || answered)) {
      if (!at->tools.empty() || at->response_format) {  // a system's alone can be written
        Message offers{.role = Role::kSystem};
        offers.tools = std::exchange(at->tools, {});
        offers.response_format = std::exchange(at->response_format, {});
        placed.insert(placed.begin(), std::move(offers));
      }
      if (behind && placed.back().role == Role::kUser) {
        if (!at->content.empty()) placed.back().content += "\n\n" + at->content;
        continue;
      }
      at->role = Role::kUser;
    }
    placed.push_back(std::move(*at));
  }
  *messages = std::move(placed);
}

}  // namespace hadal::chat
