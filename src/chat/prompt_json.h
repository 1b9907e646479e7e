// JSON as prompts of this family hold it: ", " and ": " between things, characters beyond ASCII as
// they are, keys in their order, numbers as the shortest text that reads back equal (1.0 keeps its
// ".0").
//
// Source: the published encoding calls Python's json.dumps(value, ensure_ascii=False).
#pragma once
#include <string>

#include "base/json.h"

namespace hadal::chat {

std::string PromptJson(const Json& json);

}  // namespace hadal::chat
