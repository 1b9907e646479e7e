// The functions that a conversation offers, checked as they come: what is none would be written
// into the prompt, where the model reads it.
#pragma once
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::chat {

class Functions {
 public:
  // {"name", "description", "parameters"}: the name is text and no earlier function's, the others
  // may be absent. kInvalid: "tools[1].name: found ..., expected ..."; `place` is "tools[1]".
  Status Add(Json function, std::string_view place);
  std::vector<Json> Take() && { return std::move(list_); }

 private:
  std::vector<Json> list_;
  std::set<std::string> names_;  // theirs
};

}  // namespace hadal::chat
