// Messages to the prompt that a model of this family was trained on.
//
// A prompt ends where the model's turn begins if the last message is a user's, a developer's or a
// tool's; after the last message otherwise. What the published encoding does beyond concatenation:
//   - V4: a tool's result is part of the user's turn, in the order of the calls that it answers;
//     neighbouring results and user messages are one turn, with an empty line between them. V3.2:
//     results are a block of their own behind the calls, in the order given, and every user
//     message is a turn that an empty reply follows if the next one does not come from the model;
//   - thinking: reasoning in front of the last user turn is dropped, and developer messages there
//     too, unless drop_thinking is off or (V4) any message offers tools. V3.2 never writes old
//     reasoning: drop_thinking decides on developer messages alone;
//   - V4: a user message with a task is answered after the task's own token.
//
// Where the published encoders fail on a conversation (a result without a call, fewer results than
// calls, no reasoning where the model thinks), this one writes what is there.
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py, held against its released cases in
// encode_test.cc; DeepSeek-V3.2, encoding/encoding_dsv32.py, encode_v32_test.cc.
#pragma once
#include <span>

#include "chat/dialect.h"
#include "chat/message.h"
#include "chat/prompt.h"

namespace hadal::chat {

struct EncodeOptions {
  bool thinking = true;
  bool drop_thinking = true;
  bool max_effort = false;  // no effect without thinking, nor where the dialect has no words for it
  bool bos = true;
};

// {"thinking_mode": "chat"|"thinking", "drop_thinking", "reasoning_effort": "max"|"high"|null,
// "add_default_bos_token"}, all optional. kInvalid names the key, what was found and what is known.
Result<EncodeOptions> ParseEncodeOptions(const Json& json);

// kUnsupported: "messages[2]: ..." asks for something that the dialect cannot write: a reminder, or
// a task that is not one of its own. Encode must not be called with such a conversation.
Status CheckMessages(const Dialect& dialect, std::span<const Message> messages);

Prompt Encode(const Dialect& dialect, std::span<const Message> messages,
              const EncodeOptions& options);

}  // namespace hadal::chat
