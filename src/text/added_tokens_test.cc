#include "text/added_tokens.h"

#include <gtest/gtest.h>

namespace hadal::text {
namespace {

// "abc[7]def": stretches of text as they are, tokens as [id].
std::string Cut(std::vector<AddedToken> tokens, std::string_view text) {
  const AddedTokens added(std::move(tokens));
  std::string out;
  added.Cut(
      text, [&](std::string_view stretch) { out.append("(").append(stretch).append(")"); },
      [&](TokenId id) { out.append("[").append(std::to_string(id)).append("]"); });
  return out;
}

TEST(AddedTokens, LeftmostThenLongest) {
  const std::vector<AddedToken> tokens = {{1, "<a>"}, {2, "<a><b>"}, {3, "a>"}, {4, "<b>"}};
  EXPECT_EQ(Cut(tokens, "x<a>y"), "(x)[1](y)");
  EXPECT_EQ(Cut(tokens, "<a><b><b>"), "[2][4]");
  EXPECT_EQ(Cut(tokens, "<a><b"), "[1](<b)");
  EXPECT_EQ(Cut(tokens, "a><a>"), "[3][1]");
  EXPECT_EQ(Cut(tokens, ""), "");
  EXPECT_EQ(Cut(tokens, "<<a>>"), "(<)[1](>)");
  EXPECT_EQ(Cut({}, "<a>"), "(<a>)");
}

TEST(AddedTokens, AFailedLongMatchDoesNotHideAShorterLaterOne) {
  EXPECT_EQ(Cut({{1, "aab"}, {2, "ac"}}, "aaac"), "(aa)[2]");
  EXPECT_EQ(Cut({{1, "abcd"}, {2, "bc"}}, "abce"), "(a)[2](e)");
}

TEST(AddedTokens, StripsWhiteSpaceOnTheMarkedSides) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .content = "<l>", .lstrip = true},
      {.id = 2, .content = "<r>", .rstrip = true},
      {.id = 3, .content = "<n>"},
  };
  EXPECT_EQ(Cut(tokens, "a \u3000\t<l> b"), "(a)[1]( b)");
  EXPECT_EQ(Cut(tokens, "a <r> \n\u0085b"), "(a )[2](b)");
  EXPECT_EQ(Cut(tokens, " <n> "), "( )[3]( )");
  EXPECT_EQ(Cut(tokens, "  <l>"), "[1]");
  EXPECT_EQ(Cut(tokens, "<n>  <l>  <r>  "), "[3][1](  )[2]");
}

TEST(AddedTokens, NormalizedOnesComeSecond) {
  const std::vector<AddedToken> tokens = {
      {.id = 1, .content = "ab", .normalized = true},
      {.id = 2, .content = "bc"},
  };
  EXPECT_EQ(Cut(tokens, "abc"), "(a)[2]");
  EXPECT_EQ(Cut(tokens, "ababc"), "[1](a)[2]");
}

}  // namespace
}  // namespace hadal::text
