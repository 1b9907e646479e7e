// What an answer does with the tools that are on offer (abilities.h).
#pragma once
#include <string>
#include <vector>

#include "base/json.h"
#include "chat/dialect.h"
#include "chat/message.h"

namespace hadal::eval {

struct CallMarks {
  bool none = false;   // it is an answer without a call
  bool valid = false;  // one call, of a tool on offer, with arguments that its schema allows
  bool right = false;  // and just what was wanted, in whatever order
};

// answer: as the model wrote it behind the reasoning, without the end's token. `wanted` is what a
// task of one call wants; null: none, and nothing is right but none.
CallMarks JudgeCall(const chat::Dialect& dialect, const std::string& answer,
                    const std::vector<Json>& tools, const chat::ToolCall* wanted);

}  // namespace hadal::eval
