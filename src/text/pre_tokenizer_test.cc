#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>

namespace hadal::text {
namespace {

using Pieces = std::vector<std::string>;

Pieces Split(const PreTokenizer::Options& options, std::string_view text) {
  const auto made = PreTokenizer::Make(options);
  EXPECT_TRUE(made.ok());
  RegexScratch scratch;
  Pieces pieces;
  made->Split(text, &scratch, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

Pieces SplitBy(std::vector<SplitPattern> patterns, std::string_view text) {
  return Split({.patterns = std::move(patterns)}, text);
}

Pieces DeepSeek(std::string_view text) { return SplitBy(DeepSeekPatterns(), text); }

TEST(PreTokenizer, DeepSeekWordsAndSpaces) {
  EXPECT_EQ(DeepSeek(""), Pieces{});
  EXPECT_EQ(DeepSeek("Hello, world!"), (Pieces{"Hello", ",", " world", "!"}));
  EXPECT_EQ(DeepSeek("a  b   "), (Pieces{"a", " ", " b", "   "}));
  EXPECT_EQ(DeepSeek("x \n\n y\r\n"), (Pieces{"x", " \n\n", " y", "\r\n"}));
  EXPECT_EQ(DeepSeek("don't"), (Pieces{"don", "'t"}));
  EXPECT_EQ(DeepSeek("end.\n\nNew"), (Pieces{"end", ".\n\n", "New"}));
  EXPECT_EQ(DeepSeek("f(x)=[a]"), (Pieces{"f", "(x", ")=[", "a", "]"}));
}

TEST(PreTokenizer, DeepSeekDigitsByThreeAndScripts) {
  EXPECT_EQ(DeepSeek("12345678"), (Pieces{"123", "456", "78"}));
  EXPECT_EQ(DeepSeek("a1b"), (Pieces{"a", "1", "b"}));
  EXPECT_EQ(DeepSeek("\u0661\u0662\u0663\u0664"),
            (Pieces{"\u0661\u0662\u0663", "\u0664"}));  // Arabic-Indic digits
  EXPECT_EQ(DeepSeek("\u4F60\u597DABC\u3042\u30AB"),
            (Pieces{"\u4F60\u597D", "ABC", "\u3042\u30AB"}));
  EXPECT_EQ(DeepSeek("e\u0301t\u00E9"), (Pieces{"e\u0301t\u00E9"}));  // marks belong to words
  EXPECT_EQ(DeepSeek(" \u00BFqu\u00E9?"), (Pieces{" \u00BF", "qu\u00E9", "?"}));
  EXPECT_EQ(DeepSeek(std::string("a\x01\x02 b", 5)), (Pieces{"a", "\x01\x02", " b"}));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
  // U+0085, U+00A0, U+3000 are White_Space; U+180E and U+200B are not, though PCRE2's \s has the
  // first.
  const std::vector<SplitPattern> space = {{R"(\s+)"}};
  EXPECT_EQ(SplitBy(space, "a\u0085\u00A0\u3000b"), (Pieces{"a", "\u0085\u00A0\u3000", "b"}));
  EXPECT_EQ(SplitBy(space, "a\u180E\u200Bb"), (Pieces{"a\u180E\u200Bb"}));
  EXPECT_EQ(SplitBy({{R"([\s]+|\S)"}}, "\u180E "), (Pieces{"\u180E", " "}));
  EXPECT_EQ(SplitBy({{R"([]\s]+)"}}, "a] b"), (Pieces{"a", "] ", "b"}));
  EXPECT_EQ(SplitBy({{R"([^]\s]+)"}}, "a] b"), (Pieces{"a", "] ", "b"}));
  EXPECT_EQ(SplitBy({{R"(\w+)"}}, "e\u0301_\u203Fx-1"), (Pieces{"e\u0301_\u203Fx", "-", "1"}));
  EXPECT_EQ(SplitBy({{R"(\\s+)"}}, "a\\ss "), (Pieces{"a", "\\ss", " "}));
}

TEST(PreTokenizer, CategoriesAreUnicode16s) {
  const std::string symbol = "\U0001FAE8", letter = "\u1C89", number = "\U00010D40";
  const std::string mark = "\u0897", punctuation = "\u1B4E";
  EXPECT_EQ(SplitBy({{R"(\p{S})"}}, "a" + symbol + "b"), (Pieces{"a", symbol, "b"}));
  EXPECT_EQ(SplitBy({{R"([\p{L}\p{M}]+)"}}, "1" + letter + mark + "2"),
            (Pieces{"1", letter + mark, "2"}));
  EXPECT_EQ(SplitBy({{R"([^\p{P}]+)"}}, "a" + punctuation + "b"), (Pieces{"a", punctuation, "b"}));
  EXPECT_EQ(SplitBy({{R"(\P{N}+)"}}, "a" + number + "b"), (Pieces{"a", number, "b"}));
  EXPECT_EQ(SplitBy({{R"(\w)"}}, "-" + letter + "-"), (Pieces{"-", letter, "-"}));
  EXPECT_EQ(SplitBy({{R"(\p{Lu}\p{L}+)"}}, "aBc"), (Pieces{"a", "Bc"}));
  EXPECT_EQ(DeepSeek(" " + symbol), (Pieces{" " + symbol}));
}

TEST(PreTokenizer, EachPatternSeesOnlyItsPiece) {
  // The second pattern's look-ahead ends with the piece that the first left.
  EXPECT_EQ(SplitBy({{R"(\d)"}, {R"(\s+(?!\S))"}}, "  1"), (Pieces{"  ", "1"}));
  EXPECT_EQ(SplitBy({{"^a"}}, "aa"), (Pieces{"a", "a"}));
  EXPECT_EQ(SplitBy({{"x*"}}, "axxb"), (Pieces{"a", "xx", "b"}));  // empty matches only cut
  EXPECT_EQ(SplitBy({{"(?=b)"}}, "abcb"), (Pieces{"a", "bc", "b"}));
}

TEST(PreTokenizer, LiteralPatternsAndPrefixSpace) {
  EXPECT_EQ(SplitBy({{".*", true}}, "a.*b.*"), (Pieces{"a", ".*", "b", ".*"}));
  PreTokenizer::Options gpt2 = {.patterns = {{std::string(kGpt2Pattern)}},
                                .add_prefix_space = true};
  EXPECT_EQ(Split(gpt2, "Hi you're  9"), (Pieces{" Hi", " you", "'re", " ", " 9"}));
  EXPECT_EQ(Split(gpt2, " Hi"), (Pieces{" Hi"}));
  PreTokenizer::Options after = {.patterns = {{"-"}}, .add_prefix_space = true, .splits = 1};
  EXPECT_EQ(Split(after, "a-b"), (Pieces{" a", " -", " b"}));
}

TEST(PreTokenizer, RefusesWhatDoesNotCompile) {
  for (const char* pattern : {"(", "[a", "\\C", "a{2,1}", "\xFF"}) {
    const auto made = PreTokenizer::Make({.patterns = {{pattern}}});
    ASSERT_FALSE(made.ok()) << pattern;
    EXPECT_EQ(made.error().code, Code::kUnsupported);
  }
  EXPECT_FALSE(PreTokenizer::Make({.patterns = {{std::string(70000, 'a')}}}).ok());
}

TEST(PreTokenizer, APatternTooDeepForTheMachineStackStillMatches) {
  // Needs one stack frame a character; the matcher without JIT keeps them on the heap.
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(SplitBy({{"(?:a|(b))*"}}, text + "c").size(), 2u);
}

}  // namespace
}  // namespace hadal::text
