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

TEST(Quote, ShortensBetweenCharacters) {
  EXPECT_EQ(Quote(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
  EXPECT_EQ(Quote(std::string(61, 'x')), "'" + std::string(60, 'x') + "'... (61 bytes)");
  EXPECT_EQ(Quote(std::string(59, 'x') + "\u00E9y"),
            "'" + std::string(59, 'x') + "'... (62 bytes)");
  EXPECT_EQ(Quote(std::string(100, '\x80')), "''... (100 bytes)");
}

}  // namespace
}  // namespace hadal
