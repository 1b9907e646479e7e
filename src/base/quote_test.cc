#include "base/quote.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

TEST(Quote, StaysOnOneLine) {
  EXPECT_EQ(Quote(""), "''");
  EXPECT_EQ(Quote("a b"), "'a b'");
  EXPECT_EQ(Quote("\u00E9\uFF5C"), "'\u00E9\uFF5C'");
  EXPECT_EQ(Quote(std::string_view("a\n\r\t\0\x1B\x7F", 7)), "'a\\n\\r\\t\\x00\\x1B\\x7F'");
}

TEST(Quote, EscapesWhatIsNoCharacter) {
  EXPECT_EQ(OneLine("a\x1B[31mb"), "a\\x1B[31mb");
  EXPECT_EQ(OneLine("\xFF\x80z"), "\\xFF\\x80z");
  EXPECT_EQ(OneLine("\u00E9\u20AC\U0001F600"), "\u00E9\u20AC\U0001F600");
  EXPECT_EQ(OneLine("\xC2\x9B"), "\\xC2\\x9B");                    // CSI, as one character
  EXPECT_EQ(OneLine("\xC0\xAF"), "\\xC0\\xAF");                    // a detour to '/'
  EXPECT_EQ(OneLine("\xED\xA0\x80"), "\\xED\\xA0\\x80");           // a surrogate
  EXPECT_EQ(OneLine("\xE2\x82"), "\\xE2\\x82");                    // cut short
  EXPECT_EQ(OneLine("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");  // beyond Unicode
}

TEST(Quote, LinesStayLines) {
  EXPECT_EQ(EscapeLines("a\x1B\n\n\xFFz"), "a\\x1B\n\n\\xFFz");
  EXPECT_EQ(EscapeLines("a\n"), "a\n");
  EXPECT_EQ(EscapeLines(""), "");
}

TEST(Quote, ShortensBetweenCharacters) {
  EXPECT_EQ(Quote(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
  EXPECT_EQ(Quote(std::string(61, 'x')), "'" + std::string(60, 'x') + "'... (61 bytes)");
  EXPECT_EQ(Quote(std::string(59, 'x') + "\u00E9y"),
            "'" + std::string(59, 'x') + "'... (62 bytes)");
  EXPECT_EQ(Quote(std::string(100, '\x80')), "''... (100 bytes)");
}

}  // namespace
}  // namespace hadal
