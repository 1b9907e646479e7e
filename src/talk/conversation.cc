#include "talk/conversation.h"

#include <algorithm>

#include "base/quote.h"
#include "io/file.h"
#include "io/place.h"

namespace hadal::talk {
namespace {

constexpr const char* kMark = "hadal_conversation";
constexpr int kVersion = 1;
constexpr std::uint64_t kMostBytes = 256 << 20;
constexpr Effort kEfforts[] = {Effort::kNone, Effort::kHigh, Effort::kMax};

struct Knob {
  const char* name;
  double engine::SampleOptions::*value;
};
constexpr Knob kKnobs[] = {{"temperature", &engine::SampleOptions::temperature},
                           {"top_p", &engine::SampleOptions::top_p},
                           {"min_p", &engine::SampleOptions::min_p},
                           {"presence_penalty", &engine::SampleOptions::presence_penalty},
                           {"frequency_penalty", &engine::SampleOptions::frequency_penalty},
                           {"repetition_penalty", &engine::SampleOptions::repetition_penalty}};
struct Count {
  const char* name;
  std::uint64_t engine::SampleOptions::*value;
};
constexpr Count kCounts[] = {{"top_k", &engine::SampleOptions::top_k},
                             {"seed", &engine::SampleOptions::seed},
                             {"choice", &engine::SampleOptions::choice}};

Json SamplingJson(const engine::SampleOptions& sample) {
  Json json = Json::MakeObject({});
  for (const auto& [name, value] : kKnobs) json.Set(name, sample.*value);
  for (const auto& [name, value] : kCounts) json.Set(name, sample.*value);
  return json;
}

Result<engine::SampleOptions> ParseSampling(const Json& json) {
  engine::SampleOptions sample;
  if (json.AsObject() == nullptr)
    return Fail(Code::kInvalid, "sampling: found {}, expected an object", json.KindName());
  for (const auto& [key, value] : *json.AsObject()) {
    const auto knob = std::ranges::find(kKnobs, key, &Knob::name);
    const auto count = std::ranges::find(kCounts, key, &Count::name);
    if (knob != std::end(kKnobs) && value.AsNumber())
      sample.*knob->value = *value.AsNumber();
    else if (count != std::end(kCounts) && value.AsUnsigned())
      sample.*count->value = *value.AsUnsigned();
    else
      return Fail(Code::kInvalid, "sampling.{}: found {}, expected {}", key, value.Dump(),
                  knob != std::end(kKnobs)     ? "a number"
                  : count != std::end(kCounts) ? "a whole number"
                                               : "one of the known names");
  }
  if (const Status ok = CheckSampleOptions(sample); !ok.ok()) return Within("sampling", ok.error());
  return sample;
}

Result<Effort> ParseEffort(const Json& json) {
  for (const Effort effort : kEfforts)
    if (json.AsString() != nullptr && *json.AsString() == EffortName(effort)) return effort;
  return Fail(Code::kInvalid, "effort: found {}, expected none, high or max", json.Dump());
}

bool BeginsConversation(std::string_view start) {
  for (const std::string_view part : {std::string_view("{"), std::string_view("\"")}) {
    start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
    if (!start.starts_with(part)) return false;
    start.remove_prefix(part.size());
  }
  return start.starts_with(std::string(kMark) + "\"");
}
constexpr io::FileKind kConversationKind = {"a conversation of hadal chat", BeginsConversation};

}  // namespace

const char* EffortName(Effort effort) {
  switch (effort) {
    case Effort::kNone:
      return "none";
    case Effort::kHigh:
      return "high";
    case Effort::kMax:
      return "max";
  }
  return "?";
}

std::string Conversation::system() const {
  const bool given = !messages.empty() && messages[0].role == chat::Role::kSystem;
  return given ? messages[0].content : std::string();
}

void Conversation::set_system(const std::string& text) {
  if (!messages.empty() && messages[0].role == chat::Role::kSystem)
    messages.erase(messages.begin());
  if (!text.empty())
    messages.insert(messages.begin(), {.role = chat::Role::kSystem, .content = text});
}

bool Conversation::Undo() {
  const auto last = std::find_if(messages.rbegin(), messages.rend(), [](const chat::Message& m) {
    return m.role == chat::Role::kUser;
  });
  if (last == messages.rend()) return false;
  messages.erase(std::prev(last.base()), messages.end());
  return true;
}

Json ConversationJson(const Conversation& conversation) {
  Json::Array messages;
  for (const chat::Message& message : conversation.messages)
    messages.push_back(chat::MessageJson(message));
  return Json::MakeObject({{kMark, kVersion},
                           {"model", conversation.model},
                           {"effort", EffortName(conversation.effort)},
                           {"sampling", SamplingJson(conversation.sample)},
                           {"messages", std::move(messages)}});
}

Result<Conversation> ParseConversation(const Json& json) {
  const Json* version = json.Find(kMark);
  if (version == nullptr)
    return Fail(Code::kInvalid, "not a conversation of hadal chat: \"{}\" is missing", kMark);
  if (version->AsInt() == nullptr || *version->AsInt() != kVersion)
    return Fail(Code::kUnsupported, "{}: found version {}, this program reads {}", kMark,
                version->Dump(), kVersion);
  Conversation conversation;
  for (const auto& [key, value] : *json.AsObject()) {
    if (key == "messages") {
      HADAL_TRY(conversation.messages, chat::ParseMessages(value));
    } else if (key == "effort") {
      HADAL_TRY(conversation.effort, ParseEffort(value));
    } else if (key == "sampling") {
      HADAL_TRY(conversation.sample, ParseSampling(value));
    } else if (key == "model" && value.AsString() != nullptr) {
      conversation.model = *value.AsString();
    } else if (key != kMark) {
      return Fail(Code::kInvalid, "{}: found {}, which is not known here", key, value.KindName());
    }
  }
  if (json.Find("messages") == nullptr) return Fail(Code::kInvalid, "messages: found nothing");
  return conversation;
}

Status SaveConversation(const Conversation& conversation, const std::string& path) {
  HADAL_TRY_STATUS(io::CheckKind(path, kConversationKind));
  return io::WriteFile(path, ConversationJson(conversation).Dump(2) + "\n");
}

Result<Conversation> LoadConversation(const std::string& path) {
  HADAL_TRY(const std::string text, io::ReadFile(path, kMostBytes));
  const Result<Json> json = ParseJson(text);
  if (!json.ok()) return Within(path, json.error());
  auto conversation = ParseConversation(*json);
  if (!conversation.ok()) return Within(path, conversation.error());
  return conversation;
}

}  // namespace hadal::talk
