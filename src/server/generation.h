// What every API's request comes to: runs of the engine, and how their texts are read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/run.h"

namespace hadal::server {

struct Generation {
  std::string api = {};               // "chat.completions", in logs and metrics
  std::vector<RunRequest> runs = {};  // one a choice
  // A chat's text has reasoning and calls in it; a completion's is text.
  bool chat = false;
  bool tools = false;        // functions are on offer
  bool one_call = false;     // an answer ends with its first call
  bool reasons = false;      // its texts begin inside the reasoning
  bool keep_tokens = false;  // they are told: logprobs, or ids, were asked for
  bool streams = false;      // told as they come: the answer does not hold them
  bool length_given = true;  // else its answers may be made shorter
  std::uint64_t scope = 0;   // of the client's key
  std::uint64_t owner = 0;   // of its calls (tool_memory.h)
};

}  // namespace hadal::server
