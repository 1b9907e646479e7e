// What every API's request comes to: runs of the engine, and how their texts are read.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/run.h"

namespace hadal::server {

// Where tokens go besides the text, if their log-probabilities or ids were asked for.
enum class TokensGo {
  kNowhere,
  kThrough,    // to the sink as they come, which holds none of them
  kIntoSink,   // likewise, and it holds them until the end
  kIntoAnswer  // likewise, and the answer holds them
};

struct Generation {
  std::string api = {};               // "chat.completions", in logs and metrics
  std::vector<RunRequest> runs = {};  // one a choice
  // A chat's text has reasoning and calls in it; a completion's is text.
  bool chat = false;
  bool tools = false;     // functions are on offer
  bool one_call = false;  // an answer ends with its first call
  bool reasons = false;   // its texts begin inside the reasoning
  TokensGo tokens = TokensGo::kNowhere;
  bool length_given = true;     // else its answers may be made shorter
  bool default_length = false;  // nobody gave one, and it has the server's
  std::uint64_t scope = 0;      // of the client's key
  std::uint64_t owner = 0;      // of its calls (tool_memory.h)
};

}  // namespace hadal::server
