#include "text/utf8.h"

#include <gtest/gtest.h>

#include <vector>

#include "text/byte_level.h"

namespace hadal::text {
namespace {

std::string Lossy(std::string_view bytes) {
  std::string out;
  AppendLossy(bytes, &out);
  return out;
}

TEST(Utf8, EveryCharacterRoundTrips) {
  for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(code, &text);
    ASSERT_EQ(ValidUtf8Prefix(text), text.size()) << code;
    const Utf8Char c = FirstUtf8Char(text);
    ASSERT_EQ(c.code, code);
    ASSERT_EQ(c.bytes, text.size());
  }
}

TEST(Utf8, OneReplacementPerMaximalSubpart) {
  const std::string r(kReplacement);
  // The Unicode Standard, table 3-8 and its neighbours, and the lead bytes that lead nowhere.
  EXPECT_EQ(Lossy("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(Lossy("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(Lossy("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(Lossy("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(Lossy("ok \xF0\x9F\x98"), "ok " + r);
  EXPECT_EQ(Lossy(""), "");
}

TEST(Utf8, FindsWhatACharacterStillLacks) {
  EXPECT_EQ(IncompleteUtf8Tail(""), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("abc"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xC3"), 1u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xC3\xA9"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xF0\x9F\x98"), 3u);
  EXPECT_EQ(IncompleteUtf8Tail("a\xF0\x9F\x98\x80"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("\xE4\xBD\xE4"), 1u);
  EXPECT_EQ(IncompleteUtf8Tail("\x80\x80\x80"), 0u);  // nothing can finish these
  EXPECT_EQ(IncompleteUtf8Tail("\xC0"), 0u);
  EXPECT_EQ(IncompleteUtf8Tail("\xE0\x80"), 0u);  // an overlong form: bad already
}

TEST(Utf8, ValidityAgreesWithTheLossyCopy) {
  // A valid text is its own lossy copy, and the copy of anything is valid.
  std::string bytes;
  std::uint32_t state = 1;
  for (int i = 0; i < 100000; ++i) {
    state = state * 1664525 + 1013904223;
    bytes.push_back(static_cast<char>(state >> 24));
  }
  const std::string copy = Lossy(bytes);
  EXPECT_NE(copy, bytes);
  EXPECT_EQ(ValidUtf8Prefix(copy), copy.size());
  EXPECT_EQ(Lossy(copy), copy);
}

TEST(ByteLevel, IsABijectionInThePublishedOrder) {
  std::string all;
  for (int b = 0; b < 256; ++b) all.push_back(static_cast<char>(b));
  EXPECT_EQ(FromByteLevel(ToByteLevel(all)), all);
  EXPECT_EQ(ToByteLevel(" a\n\t"), "\u0120a\u010A\u0109");
  EXPECT_EQ(ToByteLevel("\x7F\xA0\xAD\xFF"), "\u0121\u0142\u0143\u00FF");
  const auto order = BytesInCharOrder();
  EXPECT_EQ(order[0], '!');
  EXPECT_EQ(order[94], 0xA1);   // after the 94 of ASCII
  EXPECT_EQ(order[188], 0x00);  // the first of the 68 others, U+0100
  EXPECT_EQ(order[255], 0xAD);
}

TEST(ByteLevel, RefusesOtherCharacters) {
  for (const char* text : {" ", "\n", "\u007F", "\u00AD", "\u0144", "\uFF5C", "a\u3042"})
    EXPECT_FALSE(FromByteLevel(text)) << text;
  EXPECT_EQ(FromByteLevel(""), "");
}

}  // namespace
}  // namespace hadal::text
