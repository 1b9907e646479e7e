#include "grammar/schema_apart.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace hadal::grammar {
namespace {

constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                       "integer", "boolean", "null"};

bool Meet(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) return true;
    *i < *j ? ++i : ++j;
  }
  return false;
}

std::optional<SchemaFacts::Values> ValuesOf(const Json& schema) {
  SchemaFacts::Values values;
  if (const Json* value = schema.Find("const"); value != nullptr) {
    values.push_back(PlainNumber(*value).Dump());
    return values;
  }
  const Json* list = schema.Find("enum");
  if (list == nullptr || list->AsArray() == nullptr) return std::nullopt;
  for (const Json& value : *list->AsArray()) values.push_back(PlainNumber(value).Dump());
  std::ranges::sort(values);
  return values;
}

}  // namespace

Json PlainNumber(const Json& value) {
  constexpr double kMostExact = 9007199254740992;  // 2^53
  const auto number = value.AsNumber();
  if (!number || value.AsInt() != nullptr) return value;
  const bool whole = std::abs(*number) <= kMostExact && *number == std::floor(*number);
  return whole ? Json(static_cast<std::int64_t>(*number)) : value;
}

Result<std::vector<std::string>> SchemaTypes(const Json& schema, const std::string& place) {
  const Json* type = schema.Find("type");
  std::vector<std::string> types;
  const Json::Array one = {type == nullptr ? Json() : *type};
  if (type == nullptr) {
    types.assign(std::begin(kTypes), std::end(kTypes));
  } else {
    for (const Json& item : type->AsArray() != nullptr ? *type->AsArray() : one) {
      if (item.AsString() == nullptr || std::ranges::count(kTypes, *item.AsString()) == 0)
        return Fail(Code::kInvalid, "{}.type: found {}, expected one of {}", place, item.Dump(),
                    fmt::join(kTypes, ", "));
      types.push_back(*item.AsString());
    }
  }
  // A whole number is written as an integer either way.
  if (std::ranges::count(types, "number") != 0) std::erase(types, "integer");
  return types;
}

Result<std::vector<std::string>> SchemaRequired(const Json& schema, const std::string& place) {
  std::vector<std::string> names;
  const Json* field = schema.Find("required");
  if (field == nullptr) return names;
  if (field->AsArray() == nullptr)
    return Fail(Code::kInvalid, "{}.required: found {}, expected an array", place,
                field->KindName());
  for (const Json& item : *field->AsArray()) {
    if (item.AsString() == nullptr)
      return Fail(Code::kInvalid, "{}.required: found {}, expected a string", place,
                  item.KindName());
    names.push_back(*item.AsString());
  }
  return names;
}

Result<SchemaFacts> SchemaFacts::Of(const Json& schema, const std::string& place) {
  SchemaFacts facts;
  if (schema.AsObject() == nullptr) return facts;
  facts.values = ValuesOf(schema);
  if (schema.Find("type") != nullptr) {
    HADAL_TRY(facts.types, SchemaTypes(schema, place));
    // An integer is a number too.
    if (std::ranges::count(*facts.types, "number") != 0) facts.types->emplace_back("integer");
    std::ranges::sort(*facts.types);
  }
  const Json* properties = schema.Find("properties");
  if (properties == nullptr || properties->AsObject() == nullptr) return facts;
  HADAL_TRY(const std::vector<std::string> required, SchemaRequired(schema, place));
  for (const std::string& name : required) {
    const Json* property = properties->Find(name);
    auto values = property == nullptr ? std::nullopt : ValuesOf(*property);
    if (values) facts.required[name] = std::move(*values);
  }
  return facts;
}

bool Apart(const SchemaFacts& a, const SchemaFacts& b) {
  if (a.values && b.values) return !Meet(*a.values, *b.values);
  if (a.types && b.types && !Meet(*a.types, *b.types)) return true;
  return std::ranges::any_of(a.required, [&](const auto& property) {
    const auto other = b.required.find(property.first);
    return other != b.required.end() && !Meet(property.second, other->second);
  });
}

}  // namespace hadal::grammar
