// The calls of tools as a grammar: what a reply must be where a call is asked for ("tool_choice":
// "required", or a function's name). Every text of it is read by ParseCompletion and StreamParser
// as calls whose arguments the functions' schemas accept.
//
// Parameters come in their schemas' order. A string is written as it is where its schema says no
// more than that it is one, or lists its values; what a schema bounds otherwise is written as JSON,
// strings too. Parameters that a schema only allows (additionalProperties) are not written.
//
// Source: DeepSeek-V4, encoding/encoding_dsv4.py, the tool calls of its completions.
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "chat/dialect.h"
#include "grammar/json_schema.h"

namespace hadal::chat {

struct CallGrammarOptions {
  std::string_view only = {};  // the function that is called; empty: any
  bool parallel = true;        // several calls, one after another
  // How a grammar writes the dialect's token `dsml` (engine/vocabulary.h); empty: as text.
  std::string_view dsml = {};
  grammar::SchemaLimits limits = {};
};

// tools: "function" objects, {"name", "description", "parameters"}. kInvalid: no such function, or
// one that cannot be called, by name; kUnsupported, kExhausted: as CompileSchema.
Result<grammar::Grammar> CallGrammar(const Dialect& dialect, std::span<const Json> tools,
                                     const CallGrammarOptions& options);

// JSON that the schema accepts or, behind the tag that opens calls, anything. `dsml` as above;
// errors as CompileSchema.
Result<grammar::Grammar> SchemaOrCalls(const Dialect& dialect, const Json& schema,
                                       std::string_view dsml, grammar::SchemaLimits limits = {});

}  // namespace hadal::chat
