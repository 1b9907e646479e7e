// How a family of checkpoints writes conversations: its control tokens, and the words around them.
// A later checkpoint's dialect is another value of this struct, not another branch in the encoder.
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py and the cases released beside it; DeepSeek-V3.2,
// encoding/encoding_dsv32.py.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace hadal::chat {

struct Dialect {
  std::string_view model_type;  // of config.json: whose checkpoints write so

  // Control tokens: each one token of the vocabulary; empty: this dialect has none.
  std::string_view bos, eos, user, assistant, latest_reminder;
  std::string_view think_begin, think_end;
  std::string_view dsml;  // inside the tags of tool calls: <｜DSML｜invoke name="...">
  std::string_view task_begin, task_end;  // around a quick instruction's name
  std::array<std::string_view, 7> tasks;  // the names
  std::string_view reply_task;            // the one that is answered as a reply, after `assistant`

  // Turns. If they are joined, tools' results are part of a user's turn, in the order of the calls
  // that they answer, and neighbouring results and messages are one turn. If not, every message is
  // a turn that a reply is opened behind, and neighbouring results are one in the order given.
  bool joins_turns;
  // Whether reasoning in front of the last question stays where tools are on offer, or where the
  // caller wants it; if not, it never does.
  bool keeps_reasoning;

  // Text.
  std::string_view tool_calls;                  // the tag around all calls
  std::string_view results_begin, results_end;  // around a turn of results
  std::string_view result_begin, result_end;    // around each
  std::string_view between_parts;               // of a turn: results, and joined messages
  std::string_view max_effort;                  // in front of everything at the highest effort
  // In front of a developer's text, which stands behind what he offers; empty: offers are behind.
  std::string_view developer_before;
  // Around the list of functions on offer, one JSON object a line. "{dsml}", "{think_begin}" and
  // "{think_end}" stand for those control tokens.
  std::string_view tools_before, tools_after;
  std::string_view format_before;  // in front of a schema that the reply must obey
};

extern const Dialect kDeepSeekV4, kDeepSeekV32;

// The dialect of checkpoints with this "model_type"; of others, which nobody has published one
// for, V4's.
const Dialect& DialectOf(std::string_view model_type);
// The model types that have one.
std::vector<std::string> DialectNames();

// The tags around the block of all calls, an empty line in front of it, and the one that closes a
// call.
std::string CallsBegin(const Dialect& dialect);
std::string CallEnd(const Dialect& dialect);
std::string CallsEnd(const Dialect& dialect);

// Every control token that prompts and replies may hold: what a tokenizer must have as one token
// each. BOS and EOS come first.
std::vector<std::string> ControlTokens(const Dialect& dialect);

}  // namespace hadal::chat
