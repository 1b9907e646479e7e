// JSON Schema to a grammar: every text of the grammar is JSON that the schema accepts. Not every
// such JSON is a text of the grammar (json_values.h; properties come in the schema's order).
//
// Known: type, enum, const, properties, required, additionalProperties, items, prefixItems,
// minItems, maxItems, minLength, maxLength, pattern (grammar/pattern.h), minimum, maximum,
// exclusiveMinimum, exclusiveMaximum, anyOf, oneOf where no value can fit two branches (they differ
// in type, or in a required property's constant), allOf of one schema, $ref into the same document
// (recursion too), $defs and definitions; what only describes (title, description, default,
// examples, $schema, $id, $comment, deprecated, readOnly, writeOnly, strict, and format and
// content*, which assert nothing unless a dialect says so) is passed over, and what says nothing
// where it stands (propertyNames of any string, uniqueItems: false). Any other keyword is an error
// that names it.
//
// Source: JSON Schema 2020-12.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "grammar/builder.h"
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

// Schemas within one document as pieces of a grammar that somebody else builds.
class SchemaPieces {
 public:
  // Both outlive this. `root` is what $ref looks into; `place`s stand in front of errors.
  SchemaPieces(Builder& builder, const Json& root, SchemaLimits limits = {});
  ~SchemaPieces();

  // JSON that the schema accepts.
  Result<Piece> Value(const Json& schema, const std::string& place);
  // The schema that a chain of $ref leads to.
  Result<const Json*> Followed(const Json& schema, const std::string& place) const;

 private:
  class Compiler;
  std::unique_ptr<Compiler> compiler_;
};

}  // namespace hadal::grammar
