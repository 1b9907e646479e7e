// Pieces of JSON text: what any value, string and number may look like.
//
// Texts are a subset of RFC 8259: between things at most one space, or a line end with up to 32
// spaces or tabs, so that no text grows by white space alone; numbers have at most 15 digits, which
// every reader keeps apart, and exponents of at most two.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "grammar/builder.h"

namespace hadal::grammar {

class JsonValues {
 public:
  explicit JsonValues(Builder& builder) : b_(builder) {}

  Piece Space();  // between things
  Piece Comma();  // with spaces
  Piece Value();  // anything
  Piece AnyObject();
  Piece AnyArray();
  Piece String(std::size_t least = 0, std::size_t most = kMany);  // characters
  Piece Number();
  Piece Integer();
  Piece Literal(const Json& value);  // itself, with spaces where others have them

  // A string that is none of these, spelt without escapes.
  Piece KeyOtherThan(std::vector<std::string> keys);
  // "key" : value, and items between commas.
  Piece Member(Piece key, Piece value);
  Piece List(Piece item, std::size_t least, std::size_t most);  // item, item, ...

 private:
  Piece Between(const char* open, const std::vector<Piece>& items, const char* close);
  Piece Scalar(const Json& value);  // no array and no object
  std::size_t ValueRule();
  std::size_t CharacterRule();  // of a string as JSON spells it: itself, or escaped

  Builder& b_;
  std::optional<std::size_t> value_, object_, array_, space_, integer_,
      number_;  // rules
};

}  // namespace hadal::grammar
