#include "grammar/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/quote.h"
#include "grammar/json_values.h"
#include "grammar/number_range.h"
#include "grammar/pattern.h"
#include "grammar/schema_apart.h"

namespace hadal::grammar {
namespace {

constexpr std::size_t kMostApart = 256;  // schemas of a oneOf, each looked at beside each
// What only describes.
constexpr std::string_view kPassedOver[] = {"title",           "description",      "default",
                                            "examples",        "$schema",          "$id",
                                            "$comment",        "$anchor",          "deprecated",
                                            "readOnly",        "writeOnly",        "strict",
                                            "$defs",           "definitions",      "format",
                                            "contentEncoding", "contentMediaType", "contentSchema"};
constexpr std::string_view kObjectKeys[] = {"properties", "required", "additionalProperties"};
constexpr std::string_view kArrayKeys[] = {"items", "prefixItems", "minItems", "maxItems"};
constexpr std::string_view kStringKeys[] = {"minLength", "maxLength", "pattern"};
constexpr std::string_view kNumberKeys[] = {"minimum", "maximum", "exclusiveMinimum",
                                            "exclusiveMaximum"};

template <class List>
bool Holds(const List& list, std::string_view key) {
  return std::ranges::find(list, key) != std::end(list);
}

// Whether a keyword says nothing here: what it has is what there is without it.
bool SaysNothing(std::string_view key, const Json& value) {
  if (Holds(kPassedOver, key)) return true;
  if (key == "uniqueItems") return value.AsBool() != nullptr && !*value.AsBool();
  if (key != "propertyNames") return false;
  // Names are strings.
  if (value.AsBool() != nullptr) return *value.AsBool();
  if (value.AsObject() == nullptr) return false;
  return std::ranges::all_of(*value.AsObject(), [](const Json::Member& member) {
    const std::string* type = member.second.AsString();
    return Holds(kPassedOver, member.first) ||
           (member.first == "type" && type != nullptr && *type == "string");
  });
}

bool HasAny(const Json& schema, const auto& keys) {
  return std::ranges::any_of(keys,
                             [&](std::string_view key) { return schema.Find(key) != nullptr; });
}

const char* TypeOf(const Json& value) {
  if (value.is_null()) return "null";
  if (value.AsBool() != nullptr) return "boolean";
  if (const auto number = value.AsNumber())
    return *number == std::floor(*number) ? "integer" : "number";
  if (value.AsString() != nullptr) return "string";
  return value.AsArray() != nullptr ? "array" : "object";
}

}  // namespace

class SchemaPieces::Compiler {
 public:
  Compiler(Builder& builder, const Json& root, SchemaLimits limits)
      : root_(root), limits_(limits), b_(builder), json_(b_) {}

  Result<Piece> Schema(const Json& schema, const std::string& place, std::size_t depth) {
    if (depth > limits_.depth)
      return Fail(Code::kExhausted, "{}: more than {} levels", place, limits_.depth);
    HADAL_TRY(const Piece piece, SchemaWithin(schema, place, depth));
    if (b_.too_large())
      return Fail(Code::kExhausted, "{}: {} needs more than {} states", place, Largest(schema),
                  limits_.states);
    return piece;
  }

  Result<const Json*> Followed(const Json& schema, const std::string& place) const {
    const Json* at = &schema;
    for (std::size_t i = 0; i < limits_.depth; ++i) {
      const Json* reference = at->Find("$ref");
      if (reference == nullptr) return at;
      HADAL_TRY(at, Resolve(*reference, place));
    }
    return Fail(Code::kInvalid, "{}: $ref leads nowhere", place);
  }

 private:
  // What makes a schema large, most likely.
  static const char* Largest(const Json& schema) {
    for (const char* key : {"maxLength", "minLength", "pattern", "maxItems", "minItems", "enum",
                            "const", "prefixItems", "properties"})
      if (schema.Find(key) != nullptr) return key;
    return "it";
  }

  Result<Piece> SchemaWithin(const Json& schema, const std::string& place, std::size_t depth) {
    if (const bool* all = schema.AsBool(); all != nullptr)
      return *all ? json_.Value() : b_.Nothing();
    if (schema.AsObject() == nullptr)
      return Fail(Code::kInvalid, "{}: found {}, expected an object", place, schema.KindName());
    for (const auto& [key, value] : *schema.AsObject())
      if (!SaysNothing(key, value) && !Known(key))
        return Fail(Code::kUnsupported, "{}: {} is not supported", place, key);
    for (const char* key : {"$ref", "anyOf", "oneOf", "allOf", "enum", "const"})
      if (schema.Find(key) != nullptr) return Combined(schema, key, place, depth);
    HADAL_TRY(const std::vector<std::string> types, SchemaTypes(schema, place));
    std::vector<Piece> choices;
    for (const std::string& type : types) {
      HADAL_TRY(const Piece piece, OfType(type, schema, place, depth));
      choices.push_back(piece);
    }
    return b_.Any(choices);
  }

  static bool Known(std::string_view key) {
    constexpr std::string_view kOthers[] = {"type",  "$ref",  "anyOf", "oneOf",
                                            "allOf", "const", "enum"};
    return Holds(kObjectKeys, key) || Holds(kArrayKeys, key) || Holds(kStringKeys, key) ||
           Holds(kNumberKeys, key) || Holds(kOthers, key);
  }

  // A schema that says what it accepts by other schemas or by values. Nothing else may narrow it,
  // but for the type beside values.
  Result<Piece> Combined(const Json& schema, std::string_view key, const std::string& place,
                         std::size_t depth) {
    const bool values = key == "enum" || key == "const";
    for (const auto& [other, value] : *schema.AsObject())
      if (other != key && !SaysNothing(other, value) && !(values && other == "type"))
        return Fail(Code::kUnsupported, "{}: {} beside {} is not supported", place, other, key);
    const Json& value = *schema.Find(key);
    const std::string inside = place + "." + std::string(key);
    if (key == "$ref") return Reference(value, inside, depth);
    if (values) return Values(schema, value, key == "enum", inside);
    if (value.AsArray() == nullptr || value.AsArray()->empty())
      return Fail(Code::kInvalid, "{}: expected an array of schemas", inside);
    if (key == "allOf" && value.AsArray()->size() > 1)
      return Fail(Code::kUnsupported, "{}: of more than one schema is not supported", inside);
    if (key == "oneOf") HADAL_TRY_STATUS(CheckApart(*value.AsArray(), inside));
    std::vector<Piece> choices;
    for (std::size_t i = 0; i < value.AsArray()->size(); ++i) {
      HADAL_TRY(const Piece choice,
                Schema((*value.AsArray())[i], fmt::format("{}[{}]", inside, i), depth + 1));
      choices.push_back(choice);
    }
    return b_.Any(choices);
  }

  Result<const Json*> Resolve(const Json& reference, const std::string& place) const {
    const std::string* text = reference.AsString();
    if (text == nullptr || text->empty() || (*text)[0] != '#')
      return Fail(Code::kUnsupported, "{}: expected a place in the same document (#/...)", place);
    const Json* at = &root_;
    std::string_view rest = std::string_view(*text).substr(1);
    while (!rest.empty()) {
      if (rest[0] != '/') return Fail(Code::kInvalid, "{}: {} is no place", place, Quote(*text));
      rest.remove_prefix(1);
      std::string name(rest.substr(0, rest.find('/')));
      rest.remove_prefix(name.size());
      for (const auto& [code, plain] : {std::pair{"~1", "/"}, {"~0", "~"}})
        for (std::size_t i = 0; (i = name.find(code, i)) != name.npos; ++i)
          name.replace(i, 2, plain);
      at = at->Find(name);
      if (at == nullptr)
        return Fail(Code::kInvalid, "{}: {} is not in the schema", place, Quote(*text));
    }
    return at;
  }

  Result<Piece> Reference(const Json& reference, const std::string& place, std::size_t depth) {
    HADAL_TRY(const Json* target, Resolve(reference, place));
    const auto known = rules_.find(target);
    if (known != rules_.end()) return b_.Call(known->second);
    const std::size_t rule = b_.NewRule();
    rules_[target] = rule;
    HADAL_TRY(const Piece piece, Schema(*target, *reference.AsString(), depth + 1));
    b_.Define(rule, piece);
    return b_.Call(rule);
  }

  Result<Piece> Values(const Json& schema, const Json& value, bool many, const std::string& place) {
    if (many && (value.AsArray() == nullptr || value.AsArray()->empty()))
      return Fail(Code::kInvalid, "{}: expected an array with values", place);
    HADAL_TRY(const std::vector<std::string> types, SchemaTypes(schema, place));
    const auto fits = [&](const Json& v) {
      const std::string_view type = TypeOf(v);
      return Holds(types, type) || (type == "integer" && Holds(types, "number"));
    };
    std::vector<Piece> choices;
    if (!many) {
      if (fits(value)) choices.push_back(json_.Literal(PlainNumber(value)));
    } else {
      for (const Json& item : *value.AsArray())
        if (fits(item)) choices.push_back(json_.Literal(PlainNumber(item)));
    }
    return b_.Any(choices);
  }

  Result<Piece> OfType(const std::string& type, const Json& schema, const std::string& place,
                       std::size_t depth) {
    if (type == "object")
      return HasAny(schema, kObjectKeys) ? Object(schema, place, depth) : json_.AnyObject();
    if (type == "array")
      return HasAny(schema, kArrayKeys) ? Array(schema, place, depth) : json_.AnyArray();
    if (type == "string") return String(schema, place);
    if (type == "number" || type == "integer") return Number(type == "integer", schema, place);
    if (type == "boolean") return b_.Any({b_.Text("true"), b_.Text("false")});
    return b_.Text("null");
  }

  Result<std::optional<std::size_t>> Size(const Json& schema, const char* key,
                                          const std::string& place) const {
    const Json* field = schema.Find(key);
    if (field == nullptr) return std::optional<std::size_t>();
    const auto value = field->AsNumber();
    if (!value || *value < 0 || *value != std::floor(*value) || *value > 1e6)
      return Fail(Code::kInvalid, "{}.{}: found {}, expected 0 to 1,000,000", place, key,
                  field->Dump());
    return std::optional(static_cast<std::size_t>(*value));
  }

  struct Sizes {
    std::size_t least = 0, most = kMany;
  };
  Result<Sizes> ReadSizes(const Json& schema, const char* least, const char* most,
                          const std::string& place) const {
    HADAL_TRY(const auto lo, Size(schema, least, place));
    HADAL_TRY(const auto hi, Size(schema, most, place));
    return Sizes{lo.value_or(0), hi.value_or(kMany)};
  }

  Result<Piece> String(const Json& schema, const std::string& place) {
    HADAL_TRY(const Sizes sizes, ReadSizes(schema, "minLength", "maxLength", place));
    const Json* pattern = schema.Find("pattern");
    if (pattern == nullptr)
      return sizes.least > sizes.most ? b_.Nothing() : json_.String(sizes.least, sizes.most);
    if (schema.Find("minLength") != nullptr || schema.Find("maxLength") != nullptr)
      return Fail(Code::kUnsupported, "{}: pattern beside a length is not supported", place);
    if (pattern->AsString() == nullptr)
      return Fail(Code::kInvalid, "{}.pattern: found {}, expected a string", place,
                  pattern->KindName());
    HADAL_TRY_STATUS(CheckPattern(*pattern->AsString(), place));
    const auto piece = Pattern(b_, *pattern->AsString());
    if (!piece.ok()) return Within(place, piece.error());
    return b_.Seq({b_.Text("\""), *piece, b_.Text("\"")});
  }

  // Alone first: an expression that is short can need any number of states.
  Status CheckPattern(const std::string& pattern, const std::string& place) const {
    Builder alone(limits_.states);
    const std::size_t rule = alone.NewRule();
    const auto piece = Pattern(alone, pattern);
    if (!piece.ok()) return Within(place, piece.error());
    alone.Define(rule, *piece);
    const auto grammar = std::move(alone).Finish();
    if (!grammar.ok() && grammar.error().code == Code::kExhausted)
      return Within(place + ": pattern", grammar.error());
    return Unit{};
  }

  // The sharper of an inclusive and an exclusive bound.
  Result<std::optional<Bound>> ReadBound(const Json& schema, const char* inclusive,
                                         const char* exclusive, bool least,
                                         const std::string& place) const {
    std::optional<Bound> bound;
    for (const char* key : {inclusive, exclusive}) {
      const Json* field = schema.Find(key);
      if (field == nullptr) continue;
      if (!field->AsNumber())
        return Fail(Code::kInvalid, "{}.{}: found {}, expected a number", place, key,
                    field->KindName());
      const double value = *field->AsNumber();
      const bool strict = key == exclusive;
      if (!bound || (least ? value > bound->value : value < bound->value) ||
          (value == bound->value && strict))
        bound = Bound{value, strict};
    }
    return bound;
  }

  Result<Piece> Number(bool whole, const Json& schema, const std::string& place) {
    HADAL_TRY(const auto least, ReadBound(schema, "minimum", "exclusiveMinimum", true, place));
    HADAL_TRY(const auto most, ReadBound(schema, "maximum", "exclusiveMaximum", false, place));
    if (!least && !most) return whole ? json_.Integer() : json_.Number();
    if (least && most && least->value > most->value) return b_.Nothing();
    auto piece = whole ? IntegerRange(b_, least, most) : NumberRange(b_, least, most);
    if (!piece.ok()) return Within(place, piece.error());
    return piece;
  }

  Result<Piece> Array(const Json& schema, const std::string& place, std::size_t depth) {
    HADAL_TRY(const Sizes sizes, ReadSizes(schema, "minItems", "maxItems", place));
    if (sizes.least > sizes.most) return b_.Nothing();
    std::vector<Piece> first;
    if (const Json* prefix = schema.Find("prefixItems"); prefix != nullptr) {
      if (prefix->AsArray() == nullptr)
        return Fail(Code::kInvalid, "{}.prefixItems: expected an array", place);
      for (const Json& item : *prefix->AsArray()) {
        HADAL_TRY(const Piece piece,
                  Schema(item, fmt::format("{}.prefixItems[{}]", place, first.size()), depth + 1));
        first.push_back(piece);
      }
    }
    const Json* items = schema.Find("items");
    const Json all(true);
    HADAL_TRY(const Piece rest,
              Schema(items == nullptr ? all : *items, place + ".items", depth + 1));
    return b_.Seq(
        {b_.Text("["), json_.Space(), Items(first, rest, sizes), json_.Space(), b_.Text("]")});
  }

  // The first ones each as given, then any number of `rest`, from sizes.least to sizes.most in all.
  Piece Items(const std::vector<Piece>& first, Piece rest, Sizes sizes) {
    const std::size_t given = std::min(first.size(), sizes.most);
    if (given == 0) return json_.List(rest, sizes.least, sizes.most);
    const std::size_t more_least = sizes.least > given ? sizes.least - given : 0;
    const std::size_t more_most = sizes.most == kMany ? kMany : sizes.most - given;
    // From the last backwards: item (, what follows), where what follows may be left out once
    // enough.
    const std::size_t another = b_.Rule(b_.Seq({json_.Comma(), rest}));
    Piece tail = b_.Calls(another, more_least, more_most);
    for (std::size_t i = given; i-- > 0;) {
      tail = b_.Seq({first[i], tail});
      if (i > 0) tail = b_.Seq({json_.Comma(), tail});
      if (i >= sizes.least) tail = b_.Optional(tail);
    }
    return tail;
  }
  Result<Piece> Object(const Json& schema, const std::string& place, std::size_t depth) {
    HADAL_TRY(std::vector<std::string> required, SchemaRequired(schema, place));
    std::vector<Builder::Item> properties;
    std::vector<std::string> names;
    const Json none = Json::MakeObject({});
    const Json* given = schema.Find("properties");
    if (given == nullptr) given = &none;
    if (given->AsObject() == nullptr)
      return Fail(Code::kInvalid, "{}.properties: found {}, expected an object", place,
                  given->KindName());
    for (const auto& [name, property] : *given->AsObject()) {
      HADAL_TRY(const Piece value,
                Schema(property, fmt::format("{}.properties.{}", place, name), depth + 1));
      properties.push_back(
          {json_.Member(json_.Literal(Json(name)), value), std::erase(required, name) > 0});
      names.push_back(name);
    }
    const Json all(true);
    const Json* others = schema.Find("additionalProperties");
    if (others == nullptr) others = &all;
    // What is required and not described is any of the additional ones, in front of them.
    for (const std::string& name : required) {
      if (Holds(names, name)) continue;
      HADAL_TRY(const Piece value, Schema(*others, place + ".additionalProperties", depth + 1));
      properties.push_back({json_.Member(json_.Literal(Json(name)), value), true});
      names.push_back(name);
    }
    std::optional<Piece> other;
    if (others->AsBool() == nullptr || *others->AsBool()) {
      HADAL_TRY(const Piece value, Schema(*others, place + ".additionalProperties", depth + 1));
      other = json_.Member(json_.KeyOtherThan(names), value);
    }
    return b_.Seq({b_.Text("{"), json_.Space(), b_.InOrder(properties, json_.Comma(), other),
                   json_.Space(), b_.Text("}")});
  }

  // oneOf: no value may fit two branches.
  Status CheckApart(const Json::Array& branches, const std::string& place) const {
    if (branches.size() > kMostApart)
      return Fail(Code::kExhausted, "{}: found {} schemas, expected at most {}", place,
                  branches.size(), kMostApart);
    std::vector<SchemaFacts> facts;
    for (const Json& branch : branches) {
      HADAL_TRY(const Json* followed, Followed(branch, place));
      HADAL_TRY(SchemaFacts of, SchemaFacts::Of(*followed, place));
      facts.push_back(std::move(of));
    }
    for (std::size_t i = 0; i < facts.size(); ++i)
      for (std::size_t j = i + 1; j < facts.size(); ++j)
        if (!Apart(facts[i], facts[j]))
          return Fail(Code::kUnsupported,
                      "{}: a value may fit both [{}] and [{}]; they must differ in type or in a "
                      "required property's const",
                      place, i, j);
    return Unit{};
  }

  const Json& root_;
  const SchemaLimits limits_;
  Builder& b_;
  JsonValues json_;
  std::map<const Json*, std::size_t> rules_;  // of schemas that are referred to
};

SchemaPieces::SchemaPieces(Builder& builder, const Json& root, SchemaLimits limits)
    : compiler_(std::make_unique<Compiler>(builder, root, limits)) {}
SchemaPieces::~SchemaPieces() = default;

Result<Piece> SchemaPieces::Value(const Json& schema, const std::string& place) {
  return compiler_->Schema(schema, place, 0);
}

Result<const Json*> SchemaPieces::Followed(const Json& schema, const std::string& place) const {
  return compiler_->Followed(schema, place);
}

Result<Grammar> CompileSchema(const Json& schema, SchemaLimits limits) {
  Builder b(limits.states);
  SchemaPieces pieces(b, schema, limits);
  const std::size_t rule = b.NewRule();
  HADAL_TRY(const Piece value, pieces.Value(schema, "schema"));
  b.Define(rule, value);
  auto grammar = std::move(b).Finish();
  if (!grammar.ok()) return Within("schema", grammar.error());
  return grammar;
}

Grammar ObjectGrammar() {
  Builder b;
  JsonValues json(b);
  const std::size_t rule = b.NewRule();
  b.Define(rule, json.AnyObject());
  return std::move(b).Finish().value();
}

}  // namespace hadal::grammar
