#include "chat/prompt_json.h"

#include <cmath>

namespace hadal::chat {
namespace {

std::string Number(double value) {
  // What Python's parser takes and its printer gives back.
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void Append(const Json& json, std::string* out) {
  if (const auto* object = json.AsObject(); object != nullptr) {
    *out += '{';
    const char* between = "";
    for (const auto& [key, value] : *object) {
      *out += between + Json(key).Dump() + ": ";
      Append(value, out);
      between = ", ";
    }
    *out += '}';
  } else if (const auto* array = json.AsArray(); array != nullptr) {
    *out += '[';
    const char* between = "";
    for (const Json& item : *array) {
      *out += between;
      Append(item, out);
      between = ", ";
    }
    *out += ']';
  } else if (json.AsNumber() && json.AsInt() == nullptr && !json.AsUnsigned()) {
    *out += Number(*json.AsNumber());
  } else {
    *out += json.Dump();
  }
}

}  // namespace

std::string PromptJson(const Json& json) {
  std::string out;
  Append(json, &out);
  return out;
}

}  // namespace hadal::chat
