#include "base/json.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Json, KeepsOrderAndKinds) {
  const std::string text = R"({"z":1,"a":[true,null,-2.5,"\u00e9"],"big":9007199254740993})";
  const auto json = ParseJson(text);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->Dump(), "{\"z\":1,\"a\":[true,null,-2.5,\"\xC3\xA9\"],\"big\":9007199254740993}");
  EXPECT_EQ(*json->Find("big")->AsInt(), 9007199254740993);
  EXPECT_EQ(json->Find("none"), nullptr);
}

TEST(Json, KeepsIntegersOf64Bits) {
  const auto json = ParseJson("[18446744073709551615,9223372036854775807,-1]");
  ASSERT_TRUE(json.ok());
  const Json::Array& items = *json->AsArray();
  EXPECT_EQ(items[0].AsUnsigned(), 18446744073709551615u);
  EXPECT_EQ(items[0].AsInt(), nullptr);
  EXPECT_EQ(items[0].AsNumber(), 0x1p64);
  EXPECT_STREQ(items[0].KindName(), "integer");
  EXPECT_EQ(items[1].AsUnsigned(), 9223372036854775807u);
  EXPECT_EQ(items[2].AsUnsigned(), std::nullopt);
  EXPECT_EQ(json->Dump(), "[18446744073709551615,9223372036854775807,-1]");
}

TEST(Json, AZeroByteIsNoEnd) {
  for (const std::string_view text :
       {std::string_view("{}\0", 3), std::string_view("{}\0\0x", 5), std::string_view("\0", 1)})
    EXPECT_FALSE(ParseJson(text).ok());
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "nul", "1 2", "\"\xFF\""}) {
    const auto json = ParseJson(text);
    ASSERT_FALSE(json.ok()) << text;
    EXPECT_EQ(json.error().code, Code::kCorrupt);
    EXPECT_FALSE(json.error().what.empty());
  }
  EXPECT_NE(ParseJson("{\"a\":1,\"a\":2}").error().what.find("'a' is given twice"),
            std::string::npos);
}

TEST(Json, FindsARepeatedKeyAmongMany) {
  // Around the sizes at which the set of keys changes its form and grows.
  for (const int keys : {1, 2, 11, 12, 13, 14, 100, 5000}) {
    std::string text = "{";
    for (int k = 0; k < keys; ++k) text += fmt::format("\"key {}\": {{\"key 0\": {}}}, ", k, k);
    const auto whole = ParseJson(text + "\"last\": 0}");
    ASSERT_TRUE(whole.ok()) << keys;
    EXPECT_EQ(whole->AsObject()->size(), static_cast<std::size_t>(keys) + 1);
    for (const int again : {0, keys / 2, keys - 1}) {
      const auto twice = ParseJson(text + fmt::format("\"key {}\": 0}}", again));
      ASSERT_FALSE(twice.ok()) << keys << ' ' << again;
      EXPECT_EQ(twice.error().what, fmt::format("the key 'key {}' is given twice", again));
    }
  }
}

TEST(Json, ErrorsStayShortAndOnOneLine) {
  const std::string odd = std::string(100000, 'x') + "\\n";
  for (const std::string& text :
       {"[\"" + odd, fmt::format("{{\"{}\":1,\"{}\":2}}", odd, odd), "[\n" + odd}) {
    const auto json = ParseJson(text);
    ASSERT_FALSE(json.ok());
    EXPECT_LT(json.error().what.size(), 250u);
    EXPECT_EQ(json.error().what.find('\n'), std::string::npos);
  }
}

TEST(Json, BoundsItsDepth) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(65, '[') + std::string(65, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(1000000, '[')).ok());
}

TEST(Json, SetAppendsOrReplaces) {
  Json json;
  json.Set("a", 1);
  json.Set("b", "x");
  json.Set("a", 2.5);
  EXPECT_EQ(json.Dump(), R"({"a":2.5,"b":"x"})");
}

TEST(Json, NumbersThatAreTooLargeAreNamedInPlainWords) {
  const auto json = ParseJson("[1e999]");
  ASSERT_FALSE(json.ok());
  EXPECT_EQ(json.error().what.find("not JSON at byte 6: number overflow"), 0u) << json.error().what;
}

}  // namespace
}  // namespace hadal
