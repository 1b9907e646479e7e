// How a family of checkpoints writes conversations: its control tokens, and the words around them.
// A later checkpoint's dialect is another value of this struct, not another branch in the encoder.
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py and the cases released beside it.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::chat {

struct Dialect {
  // Control tokens: each one token of the vocabulary.
  std::string_view bos, eos, user, assistant, latest_reminder;
  std::string_view think_begin, think_end;
  std::string_view dsml;  // inside the tags of tool calls: <｜DSML｜invoke name="...">
  std::string_view task_begin, task_end;  // around a quick instruction's name
  std::array<std::string_view, 7> tasks;  // the names
  std::string_view reply_task;            // the one that is answered as a reply, after `assistant`

  // Text.
  std::string_view tool_calls;  // the tag around all calls
  std::string_view result_begin, result_end;
  std::string_view max_effort;  // in front of everything at the highest effort
  // Around the list of functions on offer, one JSON object a line. "{dsml}", "{think_begin}" and
  // "{think_end}" stand for those control tokens.
  std::string_view tools_before, tools_after;
  std::string_view format_before;  // in front of a schema that the reply must obey
};

extern const Dialect kDeepSeekV4;

// Every control token that prompts and replies may hold: what a tokenizer must have as one token
// each. BOS and EOS come first.
std::vector<std::string> ControlTokens(const Dialect& dialect);

}  // namespace hadal::chat
