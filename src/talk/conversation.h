// A conversation: what has been said, and how it is to go on. In a file it is JSON
// (docs/formats/conversation.md):
//
//   {"hadal_conversation": 1, "model": NAME, "effort": "none" | "high" | "max",
//    "sampling": {"temperature": 1, ...}, "messages": [{"role", "content", ...}, ...]}
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "chat/message.h"
#include "engine/sampler.h"

namespace hadal::talk {

enum class Effort { kNone, kHigh, kMax };  // of reasoning before an answer
const char* EffortName(Effort effort);

struct Conversation {
  std::string model = {};  // that answers, for people
  Effort effort = Effort::kNone;
  engine::SampleOptions sample = {};
  std::vector<chat::Message> messages = {};  // the first may be the system's

  std::string system() const;
  void set_system(const std::string& text);  // empty: none
  // Takes back the last message of the user, and what came behind it; false: there is none.
  bool Undo();
};

Json ConversationJson(const Conversation& conversation);
// kInvalid: names the field, what was found and what was expected.
Result<Conversation> ParseConversation(const Json& json);

// Errors have the path in front. kInvalid: what is at `path` is no conversation; it stays there.
Status SaveConversation(const Conversation& conversation, const std::string& path);
Result<Conversation> LoadConversation(const std::string& path);

}  // namespace hadal::talk
