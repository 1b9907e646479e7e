// Whether two schemas can have a value in common, as far as that can be seen without solving them:
// for oneOf, of whose branches a value must fit one and no other.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hadal::grammar {

// What is looked at of a schema.
struct SchemaFacts {
  using Values = std::vector<std::string>;  // as JSON text, sorted

  std::optional<std::vector<std::string>> types;  // sorted; absent: not said
  std::optional<Values> values;                   // of enum or const
  std::map<std::string, Values> required;         // properties that must be there, of such values

  // kInvalid: a type or a required property that is none; `place` stands in front.
  static Result<SchemaFacts> Of(const Json& schema, const std::string& place);
};

// True: no value fits both. False: one may.
bool Apart(const SchemaFacts& a, const SchemaFacts& b);

// 3 for 3.0: the same number, and the text by which integers are known.
Json PlainNumber(const Json& value);

// The names in "type" (all of JSON Schema's if it is not there; of number and integer the wider
// one), and in "required".
Result<std::vector<std::string>> SchemaTypes(const Json& schema, const std::string& place);
Result<std::vector<std::string>> SchemaRequired(const Json& schema, const std::string& place);

}  // namespace hadal::grammar
