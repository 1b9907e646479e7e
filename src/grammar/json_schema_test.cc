#include "grammar/json_schema.h"

#include <gtest/gtest.h>

#include "grammar/matcher.h"

namespace hadal::grammar {
namespace {

Result<Grammar> Compile(const char* schema, SchemaLimits limits = {}) {
  return CompileSchema(ParseJson(schema).value(), limits);
}

std::string Problem(const char* schema, SchemaLimits limits = {}) {
  const auto grammar = Compile(schema, limits);
  return grammar.ok() ? "" : grammar.error().what;
}

struct Case {
  const char* schema;
  std::vector<const char*> good, bad;
};

TEST(JsonSchema, AcceptsWhatTheSchemaDoes) {
  const Case cases[] = {
      {R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}},
          "required": ["b"], "additionalProperties": false})",
       {R"({"b":"x"})", R"({ "a": 5, "b": "" })", "{\n  \"b\": \"\\n\"\n}"},
       {"{}", R"({"a":5})", R"({"b":"x","a":5})", R"({"b":"x","c":1})", R"({"b":1})"}},
      {R"({"type": "object", "properties": {"a": {"const": 1}}, "required": ["z"]})",
       {R"({"z":null})", R"({"a":1,"z":[],"q":{}})"},
       {R"({"a":1})", R"({"a":2,"z":0})", R"({"z":0,"a":1})"}},
      {R"({"type": "object", "properties": {"x": {"type": "boolean"}}})",
       {"{}", R"({"x":true})", R"({"y":[1],"z":0})", R"({"x":false,"y":1,"z":{}})"},
       {R"({,"y":1})", R"({, "x":true})", R"({"x":true,})", R"({"y":1,})", "{,}"}},
      {R"({"type": "object", "additionalProperties": {"type": "null"}})",
       {"{}", R"({"a":null})", R"({"a":null,"b":null})"},
       {R"({,"a":null})", R"({"a":1})", R"({"a":null,})"}},
      {R"({"type": "array", "items": {"enum": ["x", 2]}, "minItems": 1, "maxItems": 3})",
       {R"(["x"])", R"([2, "x",2])"},
       {"[]", R"(["y"])", "[2,2,2,2]"}},
      {R"({"type": "array", "prefixItems": [{"type": "null"}, {"type": "boolean"}],)"
       R"( "items": false})",
       {"[]", "[null]", "[null,true]"},
       {"[true]", "[null,true,1]"}},
      {R"({"anyOf": [{"type": "integer", "minimum": 3, "exclusiveMaximum": 5}, {"type": "null"}]})",
       {"3", "4", "null"},
       {"2", "5", "3.5", "nul"}},
      {R"({"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
                     {"type": "object", "properties": {"k": {"const": "b"}}, "required": ["k"]}]})",
       {R"({"k":"a"})", R"({"k":"b","x":1})"},
       {R"({"k":"c"})", "{}"}},
      {R"({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties":
          {"v": {"type": "number"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
          "required": ["v"], "additionalProperties": false}}})",
       {R"({"v":1})", R"({"v":1,"kids":[{"v":2.5e3,"kids":[]}]})"},
       {R"({"kids":[]})", R"({"v":1,"kids":[{}]})"}},
      {R"({"type": "string", "minLength": 2, "maxLength": 3})",
       {R"("ab")", R"("é\n\"")"},
       {R"("a")", R"("abcd")"}},
      {R"({"type": "string", "pattern": "^[a-z]{2}-\\d$"})",
       {R"("ab-1")"},
       {R"("ab-x")", R"("Ab-1")"}},
      {R"({"type": ["string", "null"]})", {R"("")", "null"}, {"1", "{}"}},
      {"{}", {"1", R"({"a":[{}]})", "true"}, {"", "nil"}},
      {R"({"type": "integer", "enum": [1, "a", 2]})", {"1", "2"}, {R"("a")", "3"}},
      {R"({"const": {"k": [1, "a"], "n": []}})",
       {R"({"k":[1,"a"],"n":[]})", R"({"k": [1, "a"], "n": []})"},
       {R"({"k":[1]})", R"({"n":[],"k":[1,"a"]})", "[1]"}},
      {R"({"allOf": [{"type": "boolean"}], "title": "t"})", {"true"}, {"1"}},
      // As zod and others write integers.
      {R"({"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991})",
       {"0", "-7", "9007199254740991", "-9007199254740991", "999999999999999"},
       {"9007199254740992", "-9007199254740992", "10000000000000000", "1.5"}},
      {R"({"type": "integer", "exclusiveMinimum": 0, "maximum": 18446744073709551615})",
       {"1", "9007199254740991"},
       {"0", "-1", "9007199254740992"}},
      {R"({"type": "integer", "exclusiveMinimum": 9007199254740989})",
       {"9007199254740990", "9007199254740991"},
       {"9007199254740989", "1"}},
      {R"({"type": "integer", "maximum": -9007199254740990})",
       {"-9007199254740990", "-9007199254740991"},
       {"-9007199254740989", "-9007199254740992", "0"}},
      {R"({"type": "number", "minimum": 0, "maximum": 1.7976931348623157e308})",
       {"0", "5.5", "999999999999999"},
       {"-1"}},
      {R"({"type": "number", "minimum": 0.1234567891, "maximum": 0.99999999995})",
       {"0.12345679", "0.999999999"},
       {"0.123456789", "1", "1.0"}},
      {R"({"type": "integer", "const": 3.0})", {"3"}, {"3.5", "4"}},
      {R"({"type": "integer", "enum": [1.0, 2.5, -0.0]})", {"1", "0"}, {"2.5", "2"}},
      {R"({"type": "string", "format": "date-time"})", {R"("")", R"("now")"}, {"1"}},
      {R"({"anyOf": [{"type": "null"}], "format": "x", "propertyNames": {}})", {"null"}, {"1"}},
      {R"({"type": "object", "propertyNames": {"type": "string"},
           "additionalProperties": {"type": "null"}})",
       {"{}", R"({"a":null})"},
       {R"({"a":1})"}},
      {R"({"type": "array", "items": {"type": "null"}, "uniqueItems": false})", {"[]"}, {"[1]"}},
  };
  for (const Case& c : cases) {
    const auto grammar = Compile(c.schema);
    ASSERT_TRUE(grammar.ok()) << c.schema << ": " << grammar.error().what;
    Matcher matcher(*grammar);
    const auto accepts = [&](const char* text) {
      const Place place = matcher.Step(matcher.Start(), text);
      return place != kDead && matcher.MayEnd(place);
    };
    for (const char* text : c.good) EXPECT_TRUE(accepts(text)) << c.schema << " " << text;
    for (const char* text : c.bad) EXPECT_FALSE(accepts(text)) << c.schema << " " << text;
  }
}

TEST(JsonSchema, WhatIsUnknownIsNamed) {
  EXPECT_EQ(Problem(R"({"properties": {"a": {"type": "string", "not": {}}}})"),
            "schema.properties.a: not is not supported");
  for (const char* names : {R"({"type": "string", "minLength": 1})", R"({"enum": ["a"]})", "false",
                            R"({"type": "number"})"})
    EXPECT_EQ(Problem(fmt::format(R"({{"propertyNames": {}}})", names).c_str()),
              "schema: propertyNames is not supported");
  EXPECT_EQ(Problem(R"({"uniqueItems": true})"), "schema: uniqueItems is not supported");
  EXPECT_EQ(Problem(R"({"multipleOf": 3})"), "schema: multipleOf is not supported");
  EXPECT_EQ(Problem(R"({"type": "text"})"),
            "schema.type: found \"text\", expected one of object, array, string, number, integer, "
            "boolean, null");
  EXPECT_EQ(Problem(R"({"anyOf": [{"type": "null"}], "minimum": 1})"),
            "schema: minimum beside anyOf is not supported");
  EXPECT_EQ(Problem(R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})"),
            "schema.oneOf: a value may fit both [0] and [1]; they must differ in type or in a "
            "required property's const");
  EXPECT_NE(Problem(R"({"oneOf": [{"const": 3}, {"const": 3.0}]})"), "");
  EXPECT_EQ(Problem(R"x({"type": "string", "pattern": "(?=a)"})x"),
            "schema: pattern: look-ahead at byte 1 is not supported");
  EXPECT_EQ(Problem(R"({"$ref": "http://x/y"})"),
            "schema.$ref: expected a place in the same document (#/...)");
  EXPECT_EQ(Problem(R"({"$ref": "#/nowhere"})"), "schema.$ref: '#/nowhere' is not in the schema");
  EXPECT_EQ(Problem("5"), "schema: found integer, expected an object");
}

TEST(JsonSchema, WhatCannotBeIsAnError) {
  EXPECT_EQ(Problem("false"), "schema: no value can satisfy it");
  EXPECT_EQ(Problem(R"({"type": "integer", "minimum": 3, "maximum": 2})"),
            "schema: no value can satisfy it");
  EXPECT_EQ(Problem(R"({"$ref": "#"})"), "schema: no value can satisfy it");
  EXPECT_EQ(Problem(R"({"type": "array", "items": {"$ref": "#"}, "minItems": 1})"),
            "schema: no value can satisfy it");
}

TEST(JsonSchema, CompilationIsBounded) {
  EXPECT_NE(Problem(R"({"type": "array", "maxItems": 1000000, "items": {"maxLength": 1000000}})"),
            "");
  std::string deep = "{}";
  for (int i = 0; i < 30; ++i) deep = R"({"type": "array", "items": )" + deep + "}";
  EXPECT_EQ(Problem(deep.c_str()), "");
  EXPECT_NE(Problem(deep.c_str(), {.depth = 20}), "");
  // What is too large is named by its keyword.
  EXPECT_EQ(Problem(R"({"properties": {"a": {"type": "string", "maxLength": 1000000}}})"),
            "schema.properties.a: maxLength needs more than 100000 states");
  EXPECT_EQ(Problem(R"x({"type": "string", "pattern": "^(a|b)*a(a|b){30}$"})x"),
            "schema: pattern: needs more than 100000 states");
  std::string branches;
  for (int i = 0; i < 300; ++i)
    branches += fmt::format(R"({}{{"const": {}}})", i > 0 ? "," : "", i);
  EXPECT_EQ(Problem((R"({"oneOf": [)" + branches + "]}").c_str()),
            "schema.oneOf: found 300 schemas, expected at most 256");
  // What clients send in earnest is not.
  EXPECT_EQ(Problem(R"({"type": "string", "maxLength": 65536})"), "");
  std::string properties;
  for (int i = 0; i < 500; ++i)
    properties += fmt::format(R"({}"property{}": {{"type": "number"}})", i > 0 ? "," : "", i);
  EXPECT_EQ(Problem((R"({"type": "object", "properties": {)" + properties + "}}").c_str()), "");
  // Nested ones cost their sum, not their product.
  std::string object = R"({"type": "string"})";
  for (int i = 0; i < 20; ++i)
    object = R"({"type": "object", "properties": {"a": )" + object + R"(, "b": {"type": "null"}}})";
  const auto grammar = Compile(object.c_str());
  ASSERT_TRUE(grammar.ok());
  EXPECT_LT(grammar->states.size(), 20'000u);
}

}  // namespace
}  // namespace hadal::grammar
