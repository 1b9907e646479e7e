#include "server/tool_turn.h"

#include <utility>

namespace hadal::server {
namespace {

bool TakeText(const Json& json, const char* key, std::string* out) {
  const Json* text = json.Find(key);
  if (text == nullptr || text->AsString() == nullptr) return false;
  *out = *text->AsString();
  return true;
}

}  // namespace

std::size_t ToolTurn::bytes() const {
  std::size_t bytes =
      sizeof(ToolTurn) + reasoning.size() + content.size() + tokens.size() * sizeof(std::int32_t);
  for (const AnswerCall& call : calls)
    bytes += 2 * sizeof(AnswerCall) + 2 * call.id.size() + call.name.size() + call.arguments.size();
  return bytes;
}

Json ToolTurnJson(const ToolTurn& turn) {
  Json::Array calls, tokens;
  for (const AnswerCall& call : turn.calls)
    calls.push_back(
        Json::MakeObject({{"id", call.id}, {"name", call.name}, {"arguments", call.arguments}}));
  for (const std::int32_t token : turn.tokens) tokens.emplace_back(token);
  return Json::MakeObject({{"reasoning", turn.reasoning},
                           {"content", turn.content},
                           {"calls", std::move(calls)},
                           {"tokens", std::move(tokens)},
                           {"thinking", turn.thinking}});
}

std::optional<ToolTurn> ParseToolTurn(const std::string& text, std::size_t vocab_size) {
  const auto json = ParseJson(text);
  if (!json.ok()) return std::nullopt;
  ToolTurn turn;
  const Json* calls = json->Find("calls");
  const Json* tokens = json->Find("tokens");
  const Json* thinking = json->Find("thinking");
  if (!TakeText(*json, "reasoning", &turn.reasoning) ||
      !TakeText(*json, "content", &turn.content) || calls == nullptr ||
      calls->AsArray() == nullptr || tokens == nullptr || tokens->AsArray() == nullptr ||
      thinking == nullptr || thinking->AsBool() == nullptr)
    return std::nullopt;
  turn.thinking = *thinking->AsBool();
  for (const Json& item : *calls->AsArray()) {
    AnswerCall& call = turn.calls.emplace_back();
    if (!TakeText(item, "id", &call.id) || !TakeText(item, "name", &call.name) ||
        !TakeText(item, "arguments", &call.arguments))
      return std::nullopt;
  }
  for (const Json& token : *tokens->AsArray()) {
    const std::optional<std::uint64_t> id = token.AsUnsigned();
    if (!id || *id >= vocab_size) return std::nullopt;
    turn.tokens.push_back(static_cast<std::int32_t>(*id));
  }
  return turn;
}

}  // namespace hadal::server
