// JSON Schema to a grammar: every text of the grammar is JSON that the schema accepts. Not every
// such JSON is a text of the grammar (json_values.h; properties come in the schema's order).
//
// Known: type, enum, const, properties, required, additionalProperties, items, prefixItems,
// minItems, maxItems, minLength, maxLength, pattern (grammar/pattern.h), minimum, maximum,
// exclusiveMinimum, exclusiveMaximum, anyOf, oneOf where no value can fit two branches (they differ
// in type, or in a required property's constant), allOf of one schema, $ref into the same document
// (recursion too), $defs and definitions; what only describes (title, description, default,
// examples, $schema, $id, $comment, deprecated, readOnly, writeOnly, strict) is passed over. Any
// other keyword is an error that names it.
//
// Source: JSON Schema 2020-12.
#pragma once
#include <cstddef>

#include "base/json.h"
#include "base/result.h"
#include "grammar/grammar.h"

namespace hadal::grammar {

struct SchemaLimits {
  std::size_t states = 100'000;  // of the grammar: bounds memory and time
  std::size_t depth = 64;        // of nested schemas
};

// kUnsupported, kInvalid: "schema.properties.a: pattern: ..."; kExhausted: beyond the limits.
Result<Grammar> CompileSchema(const Json& schema, SchemaLimits limits = {});

// Any JSON object.
Grammar ObjectGrammar();

}  // namespace hadal::grammar
