#include "random_schema.h"

#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

namespace hadal::tests {
namespace {

using Fields = std::vector<std::pair<std::string, Json>>;

int Draw(int lo, int hi) { return *rc::gen::inRange(lo, hi + 1); }
bool OneIn(int n) { return Draw(1, n) == 1; }

template <class T>
T OneOf(const std::vector<T>& values) {
  return values[static_cast<std::size_t>(Draw(0, static_cast<int>(values.size()) - 1))];
}

// Functions have names of parameters that stand in a tag: no quotes and brackets.
std::string Name(bool of_parameter) {
  return OneOf<std::string>({"a", "b", "name", "n\u00E9", "two words", "$ref", "a/b",
                             of_parameter ? "id" : "x\"y", of_parameter ? "c-d" : "\uFF5C\t"});
}

Json String() {
  Json schema = Json::MakeObject({{"type", "string"}});
  if (OneIn(4)) {
    schema.Set("pattern", OneOf<std::string>({"^[a-z]{2,5}$", "^\\d+-\\d\\d$", "^(yes|no|\u00E9+)$",
                                              "^[^x\"]{3}$", "^\\w(\\.\\w){0,2}$"}));
    return schema;
  }
  const int least = Draw(0, 3);
  if (least > 0) schema.Set("minLength", least);
  schema.Set("maxLength", least + Draw(0, 9));
  return schema;
}

Json Number(const char* type) {
  Json schema = Json::MakeObject({{"type", type}});
  const int least = Draw(-50, 50), most = least + Draw(1, 300);
  if (!OneIn(3)) schema.Set(OneIn(2) ? "minimum" : "exclusiveMinimum", least);
  if (!OneIn(3)) schema.Set(OneIn(2) ? "maximum" : "exclusiveMaximum", most + 0.25);
  return schema;
}

Json Choice() {
  Json::Array values;
  for (int i = Draw(1, 4); i-- > 0;)
    values.push_back(OneOf<Json>({"red", "a \"b\"", "\u00E9\uFF5C", 1, -2.5, true, nullptr,
                                  Json::Array{1, "x"}, Json::MakeObject({{"k", 0}})}));
  if (values.size() == 1) return Json::MakeObject({{"const", values[0]}});
  return Json::MakeObject({{"enum", values}});
}

Json Array(int depth) {
  Json schema = Json::MakeObject({{"type", "array"}});
  Json::Array first;
  if (OneIn(3))
    for (int i = Draw(1, 2); i-- > 0;) first.push_back(RandomSchema(depth - 1));
  const int least = Draw(0, 2);
  if (least > 0) schema.Set("minItems", least);
  schema.Set("maxItems", least + Draw(0, 2) + static_cast<int>(first.size()));
  schema.Set("items", RandomSchema(depth - 1));
  if (!first.empty()) schema.Set("prefixItems", first);
  return schema;
}

Json Object(int depth, bool of_parameters = false) {
  Json properties = Json::MakeObject({});
  Json::Array required;
  for (int i = Draw(0, 4); i-- > 0;) {
    const std::string name = Name(of_parameters);
    if (properties.Find(name) != nullptr) continue;
    properties.Set(name, RandomSchema(depth - 1));
    if (OneIn(2)) required.emplace_back(name);
  }
  if (OneIn(6)) required.emplace_back("not described");
  Json schema = Json::MakeObject({{"type", "object"}, {"properties", properties}});
  if (!required.empty()) schema.Set("required", required);
  // Others are allowed now and then: a hot model writes them without end.
  if (OneIn(8))
    schema.Set("additionalProperties", Json::MakeObject({{"type", "boolean"}}));
  else if (required.empty() || required.back().AsString() == nullptr ||
           *required.back().AsString() != "not described")
    schema.Set("additionalProperties", false);
  return schema;
}

// Branches of which no value fits two.
Json Apart(int depth) {
  if (OneIn(2))
    return Json::MakeObject(
        {{"oneOf", Json::Array{String(), Number("integer"), Array(depth - 1)}}});
  Json::Array branches;
  for (const char* kind : {"circle", "square"}) {
    const Json properties = Json::MakeObject(
        {{"kind", Json::MakeObject({{"const", kind}})}, {"size", RandomSchema(depth - 1)}});
    branches.push_back(Json::MakeObject({{"type", "object"},
                                         {"properties", properties},
                                         {"required", Json::Array{"kind"}},
                                         {"additionalProperties", false}}));
  }
  return Json::MakeObject({{"oneOf", branches}});
}

// A tree: refers to itself.
Json Tree() {
  const Json node = Json::MakeObject({{"$ref", "#/$defs/node"}});
  const Json kids = Json::MakeObject({{"type", "array"}, {"items", node}, {"maxItems", 2}});
  const Json properties = Json::MakeObject({{"value", Number("number")}, {"kids", kids}});
  return Json::MakeObject({{"type", "object"},
                           {"properties", properties},
                           {"required", Json::Array{"value"}},
                           {"additionalProperties", false}});
}

}  // namespace

Json RandomSchema(int depth) {
  const int kind = Draw(0, depth > 0 ? 9 : 5);
  switch (kind) {
    case 0:
    case 1:
      return String();
    case 2:
      return Number("integer");
    case 3:
      return Number("number");
    case 4:
      return Choice();
    case 5:
      return Json::MakeObject({{"type", Json::Array{"boolean", "null"}}});
    case 6:
      return Array(depth);
    case 7:
      return Apart(depth);
    case 8:
      return Json::MakeObject(
          {{"anyOf", Json::Array{RandomSchema(depth - 1), RandomSchema(depth - 1)}}});
    default:
      return Object(depth);
  }
}

Json RandomArguments() {
  Json schema = Object(3, true);
  if (!OneIn(3)) return schema;
  Json properties = *schema.Find("properties");
  properties.Set("tree", Json::MakeObject({{"$ref", "#/$defs/node"}}));
  schema.Set("properties", properties);
  schema.Set("$defs", Json::MakeObject({{"node", Tree()}}));
  return schema;
}

}  // namespace hadal::tests
