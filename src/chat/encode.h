// Messages to the prompt that a model of this family was trained on.
//
// A prompt ends where the model's turn begins if the last message is a user's, a developer's or a
// tool's; after the last message otherwise. What the published encoding does beyond concatenation:
//   - a tool's result is part of the user's turn, in the order of the calls that it answers;
//     neighbouring results and user messages are one turn, with an empty line between them;
//   - thinking: reasoning in front of the last user turn is dropped, and developer messages there
//     too, unless drop_thinking is off or any message offers tools;
//   - a user message with a task is answered after the task's own token.
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py; held against its released cases in
// encode_test.cc.
#pragma once
#include <span>

#include "chat/dialect.h"
#include "chat/message.h"
#include "chat/prompt.h"

namespace hadal::chat {

struct EncodeOptions {
  bool thinking = true;
  bool drop_thinking = true;
  bool max_effort = false;  // no effect without thinking
  bool bos = true;
};

// {"thinking_mode": "chat"|"thinking", "drop_thinking", "reasoning_effort": "max"|"high"|null,
// "add_default_bos_token"}, all optional. kInvalid names the key, what was found and what is known.
Result<EncodeOptions> ParseEncodeOptions(const Json& json);

Prompt Encode(const Dialect& dialect, std::span<const Message> messages,
              const EncodeOptions& options);

}  // namespace hadal::chat
