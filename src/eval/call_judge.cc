#include "eval/call_judge.h"

#include <algorithm>
#include <variant>

#include "chat/parse.h"
#include "datagen/tools.h"

namespace hadal::eval {
namespace {

bool Same(const Json& arguments, const std::string& wanted) {
  const Json other = ParseJson(wanted).value();
  return std::ranges::all_of(*other.AsObject(), [&](const auto& member) {
    const Json* found = arguments.Find(member.first);
    return found != nullptr && found->Dump() == member.second.Dump();
  });
}

}  // namespace

CallMarks JudgeCall(const chat::Dialect& dialect, const std::string& answer,
                    const std::vector<Json>& tools, const chat::ToolCall* wanted) {
  const auto reply = chat::ParseCompletion(dialect, answer + std::string(dialect.eos), false);
  const auto* message = std::get_if<chat::Message>(&reply);
  CallMarks marks;
  if (message == nullptr) return marks;
  marks.none = message->tool_calls.empty();
  if (message->tool_calls.size() != 1) return marks;
  const chat::ToolCall& call = message->tool_calls[0];
  const Result<Json> arguments = ParseJson(call.arguments);
  const auto tool = std::ranges::find_if(
      tools, [&](const Json& offered) { return *offered.Find("name")->AsString() == call.name; });
  marks.valid = arguments.ok() && tool != tools.end() && datagen::ObeysSchema(*arguments, *tool);
  marks.right = wanted != nullptr && marks.valid && call.name == wanted->name &&
                Same(*arguments, wanted->arguments);
  return marks;
}

}  // namespace hadal::eval
