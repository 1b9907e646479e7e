// A conversation and what is asked of it: what chat/completions, messages and responses have in
// common, and how it becomes a prompt and a Generation.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/functions.h"
#include "chat/message.h"
#include "chat/prompt.h"
#include "server/api.h"
#include "server/sampling.h"
#include "server/thinking.h"

namespace hadal::server {

struct ToolChoice {
  enum class Kind { kAuto, kNone, kRequired, kNamed };
  Kind kind = Kind::kAuto;
  std::string name = {};                                 // kNamed
  std::optional<std::vector<std::string>> allowed = {};  // names of the only ones on offer
};

// What an answer's content must be.
struct AnswerFormat {
  enum class Kind { kText, kObject, kSchema };
  Kind kind = Kind::kText;
  Json schema = {};
  std::string param = {};  // the field that holds the schema
};

struct ChatRequest {
  std::string api = {};
  std::string model = {};  // as the client named it
  std::uint64_t scope = 0;
  std::uint64_t owner = 0;  // CallsOwner: ChatPrompt sets it
  std::vector<chat::Message> messages = {};
  std::vector<Json> tools = {};  // {"name", "description", "parameters"}
  ToolChoice tool_choice = {};
  bool parallel_calls = true;  // an answer may have several
  AnswerFormat format = {};
  Thinking thinking = {};
  Sampling sampling = {};
  std::optional<std::size_t> max_tokens = {}, logprobs = {};
  // The fields that hold the prompt and the answer's length, for errors.
  const char *prompt = "messages", *length = "max_tokens";
  bool clamp_max_tokens = false;  // to the room that there is
  bool stream = false;
};

// What a request that says nothing of thinking gets: the model's name may say it.
ApiResult<Thinking> DefaultThinking(const Api& api, const std::string& model);

// {"type": "text"|"json_object"|"json_schema", ...}, with the schema in "json_schema" or beside.
AnswerFormat ReadFormat(Fields* body, std::string_view key);
// "auto"|"none"|"required"|{"type": "function", "function": {"name"}} or {"type", "name"}, or
// {"type": "allowed_tools", "allowed_tools": {"mode", "tools"}} or {"type", "mode", "tools"}.
ToolChoice ReadToolChoice(Fields* body);
// The tools without those that the choice does not allow. 400 names one that is none.
ApiStatus KeepAllowed(ChatRequest* request);

// What the messages and responses APIs have in common, whose clients ask for fixed large numbers of
// tokens: reasoning, sampling of one answer, and whether it streams.
void ReadAnswering(const Api& api, Fields* body, const Thinking& defaults, ChatRequest* request);
// Of the same two: a function among the tools (chat/functions.h). 400 names the field.
ApiStatus AddFunction(Json function, const std::string& place, chat::Functions* functions);
// "parallel_tool_calls".
void ReadParallelCalls(Fields* body, ChatRequest* request);

ApiResult<chat::Prompt> ChatPrompt(Api& api, ChatRequest* request);
// turn_ends: as chat::PromptTokens.
ApiResult<std::vector<std::int32_t>> ChatTokens(Api& api, ChatRequest* request,
                                                std::vector<std::uint64_t>* turn_ends = nullptr);
ApiResult<Generation> MakeGeneration(Api& api, ChatRequest request);

}  // namespace hadal::server
