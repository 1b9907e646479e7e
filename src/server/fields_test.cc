#include "server/fields.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

Json Parsed(const char* text) { return *ParseJson(text); }

TEST(Fields, ReadsWhatIsThere) {
  const Json json = Parsed(
      R"({"a": 0.5, "b": 3, "c": 4.0, "d": true, "e": "x", "f": ["y", "z"], "g": "w", "h": null})");
  Fields fields(json);
  double a = 0;
  std::size_t b = 0, c = 0, h = 7;
  bool d = false;
  std::string e;
  std::vector<std::string> f, g;
  fields.Number("a", {0, 1}, &a);
  fields.Count("b", {0, 9}, &b);
  fields.Count("c", {0, 9}, &c);
  fields.Flag("d", &d);
  fields.Text("e", &e);
  fields.Texts("f", 2, &f);
  fields.Texts("g", 2, &g);
  fields.Count("h", {0, 9}, &h);
  EXPECT_TRUE(fields.status().ok());
  EXPECT_EQ(a, 0.5);
  EXPECT_EQ(b + c + h, 14u);
  EXPECT_TRUE(d);
  EXPECT_EQ(e + f[1] + g[0], "xzw");
}

TEST(Fields, TheFirstThatIsWrongIsNamed) {
  const Json json = Parsed(R"({"a": 2.5, "b": "x", "c": ["x", 1], "d": -1, "e": [1, -2]})");
  const std::pair<std::function<void(Fields&)>, const char*> cases[] = {
      {[](Fields& f) {
         double x = 0;
         f.Number("a", {0, 2}, &x);
       },
       "o.a: found 2.5, expected a number from 0 to 2"},
      {[](Fields& f) {
         std::size_t x = 0;
         f.Count("a", {0, 9}, &x);
       },
       "o.a: found 2.5, expected a whole number from 0 to 9"},
      {[](Fields& f) {
         std::size_t x = 0;
         f.Count("d", {0, 9}, &x);
       },
       "o.d: found -1, expected a whole number from 0 to 9"},
      {[](Fields& f) {
         bool x = false;
         f.Flag("b", &x);
       },
       "o.b: found string, expected true or false"},
      {[](Fields& f) {
         std::vector<std::string> x;
         f.Texts("c", 1, &x);
       },
       "o.c: found 2 strings, expected at most 1"},
      {[](Fields& f) {
         std::vector<std::string> x;
         f.Texts("c", 4, &x);
       },
       "o.c: found 1, expected a string or an array of at most 4 strings"},
      {[](Fields& f) {
         std::vector<std::int32_t> x;
         f.Ids("e", &x);
       },
       "o.e: found -2, expected a token id"},
  };
  for (const auto& [read, message] : cases) {
    Fields fields(json, "o");
    read(fields);
    ASSERT_FALSE(fields.status().ok()) << message;
    EXPECT_EQ(fields.status().error().message, message);
    bool later = false;
    fields.Flag("b", &later);
    EXPECT_EQ(fields.status().error().message, message);
  }
}

TEST(Fields, UnknownOnesAreTold) {
  const Json json = Parsed(R"({"a": 1, "b": 2, "c": null})");
  Fields fields(json);
  fields.Pass({"a"});
  EXPECT_EQ(fields.Unknown(), (std::vector<std::string>{"b", "c"}));
}

TEST(Fields, UnknownOnesInsideAreToldToo) {
  const Json json = Parsed(R"({"a": {"b": 1, "c": {"d": 2, "e": 3}, "f": 4}, "g": {"h": 5}})");
  Fields fields(json);
  // Looked into twice, for something else each time; "g" is known, and its own affair.
  fields.Inside("a", [](Fields* a) { a->Pass({"b"}); });
  fields.Inside("a", [](Fields* a) { a->Inside("c", [](Fields* c) { c->Pass({"d"}); }); });
  fields.Pass({"g"});
  EXPECT_EQ(fields.Unknown(), (std::vector<std::string>{"a.f", "a.c.e"}));
}

TEST(Fields, ABodyIsAnObject) {
  EXPECT_EQ(ParseBody("[]").error().message, "the body: found array, expected an object");
  EXPECT_NE(ParseBody("{\"a\": }").error().message.find("the body is not JSON"), std::string::npos);
  EXPECT_FALSE(ParseBody("").ok());
}

}  // namespace
}  // namespace hadal::server
