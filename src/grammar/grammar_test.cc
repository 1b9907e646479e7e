// Builder, matcher and masks, and pieces of numbers, patterns and keys held against plain checks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <regex>
#include <string>

#include "base/random.h"
#include "grammar/json_values.h"
#include "grammar/masks.h"
#include "grammar/matcher.h"
#include "grammar/number_range.h"
#include "grammar/pattern.h"

namespace hadal::grammar {
namespace {

bool Accepts(const Grammar& grammar, std::string_view text) {
  Matcher matcher(grammar);
  const Place place = matcher.Step(matcher.Start(), text);
  return place != kDead && matcher.MayEnd(place);
}

template <class F>
Grammar Make(F&& piece) {
  Builder b;
  const std::size_t rule = b.NewRule();
  b.Define(rule, piece(b));
  return std::move(b).Finish().value();
}

TEST(Grammar, RulesCallThemselves) {
  // Brackets in pairs, of two kinds.
  Builder b;
  const std::size_t pairs = b.NewRule();
  const Piece round = b.Seq({b.Text("("), b.Call(pairs), b.Text(")")});
  const Piece square = b.Seq({b.Text("["), b.Call(pairs), b.Text("]")});
  b.Define(pairs, b.Repeat(b.Any({round, square}), 0, kMany));
  const Grammar grammar = std::move(b).Finish().value();
  for (const char* good : {"", "()", "([])[()()]"}) EXPECT_TRUE(Accepts(grammar, good)) << good;
  for (const char* bad : {"(", ")", "(]", "([)]"}) EXPECT_FALSE(Accepts(grammar, bad)) << bad;
  // Deep texts cost no more places than levels.
  const std::string deep(2000, '(');
  Matcher matcher(grammar);
  EXPECT_NE(matcher.Step(matcher.Start(), deep), kDead);
  EXPECT_LT(matcher.places(), 4100u);
}

TEST(Grammar, LeftRecursionEmptinessAndSizeAreErrors) {
  Builder loop;
  const std::size_t rule = loop.NewRule();
  loop.Define(rule, loop.Any({loop.Text("a"), loop.Seq({loop.Call(rule), loop.Text("b")})}));
  EXPECT_EQ(std::move(loop).Finish().error().what, "refers to itself before anything is read");
  Builder nothing;
  const std::size_t endless = nothing.NewRule();
  nothing.Define(endless, nothing.Seq({nothing.Text("a"), nothing.Call(endless)}));
  EXPECT_EQ(std::move(nothing).Finish().error().what, "no value can satisfy it");
  Builder large(1000);
  large.Define(large.NewRule(), large.Repeat(large.Text("abc"), 0, 1'000'000));
  EXPECT_EQ(std::move(large).Finish().error().code, Code::kExhausted);
}

TEST(Grammar, CharactersAreWholeUtf8) {
  for (const auto& [lo, hi] : {std::pair{0x41u, 0x10FFFFu}, {0x80u, 0x7FFu}, {0x7FEu, 0x10041u}}) {
    const Grammar grammar = Make([lo = lo, hi = hi](Builder& b) {
      return b.Characters({{lo, hi}});
    });
    for (std::uint32_t code : {0x40u, 0x41u, 0x7Fu, 0x80u, 0x7FDu, 0x7FEu, 0x7FFu, 0x800u, 0xD7FFu,
                               0xE000u, 0xFFFFu, 0x10000u, 0x10041u, 0x10042u, 0x10FFFFu}) {
      std::string text;
      if (code < 0x80) {
        text = {static_cast<char>(code)};
      } else if (code < 0x800) {
        text = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
      } else if (code < 0x10000) {
        text = {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
                static_cast<char>(0x80 | (code & 63))};
      } else {
        text = {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
                static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
      }
      EXPECT_EQ(Accepts(grammar, text), lo <= code && code <= hi) << lo << " " << code;
    }
    EXPECT_FALSE(Accepts(grammar, "\xED\xA0\x80"));  // a surrogate
    EXPECT_FALSE(Accepts(grammar, "\xC0\x80"));      // too long
  }
}

// States read a byte, and call a rule, in one way only.
TEST(Grammar, IsDeterministic) {
  const Grammar grammar = Make([](Builder& b) {
    JsonValues json(b);
    return b.Any({b.Text("abc"), b.Seq({b.Text("ab"), json.Number()}), json.Value(), json.Value(),
                  b.Repeat(b.Any({b.Bytes('a', 'f'), b.Bytes('d', 'z')}), 2, 5)});
  });
  for (const State& state : grammar.states) {
    for (std::size_t i = 0; i < state.edges.size(); ++i)
      for (std::size_t j = i + 1; j < state.edges.size(); ++j)
        EXPECT_TRUE(state.edges[i].hi < state.edges[j].lo || state.edges[j].hi < state.edges[i].lo);
    for (std::size_t i = 0; i < state.calls.size(); ++i)
      for (std::size_t j = i + 1; j < state.calls.size(); ++j)
        EXPECT_NE(state.calls[i].rule, state.calls[j].rule);
  }
  for (const char* good : {"abc", "ab5", "[1]", "zz", "abcde"}) EXPECT_TRUE(Accepts(grammar, good));
  for (const char* bad : {"ab[", "a", "abcdef"}) EXPECT_FALSE(Accepts(grammar, bad)) << bad;
}

TEST(Grammar, RunsOfCharactersAreCounted) {
  const auto run = [](std::size_t least, std::size_t most) {
    const Grammar grammar = Make([&](Builder& b) { return JsonValues(b).String(least, most); });
    const State& start = grammar.states[grammar.rules[0]];
    return grammar.states[start.edges.at(0).next].run;  // behind the quote
  };
  EXPECT_EQ(run(0, 5), 5u);
  EXPECT_EQ(run(3, 3), 3u);
  EXPECT_EQ(run(0, kMany), kEndlessRun);
  EXPECT_EQ(run(2, kMany), kEndlessRun);
}

// Languages that can be read in many ways at once are cut where they grow too wide: the places that
// are kept stay few.
TEST(Matcher, WhatIsReadInManyWaysIsBounded) {
  Builder b;
  const std::size_t list = b.NewRule(), once = b.NewRule(), twice = b.NewRule();
  b.Define(once, b.Seq({b.Text("["), b.Call(list), b.Text("]")}));
  b.Define(twice, b.Seq({b.Text("["), b.Call(list), b.Text("]]")}));
  b.Define(list, b.Any({b.Text("x"), b.Call(once), b.Call(twice)}));
  const Grammar grammar = std::move(b).Finish().value();
  Matcher matcher(grammar);
  EXPECT_NE(matcher.Step(matcher.Start(), "[[[[[x]]]]]"), kDead);
  EXPECT_EQ(matcher.Step(matcher.Start(), std::string(100, '[')), kDead);
  EXPECT_LT(matcher.places(), 100u);
}

// A mask says of every token what following its bytes says.
// Returns how often the matcher has forgotten.
std::uint64_t ExpectMasksLikeSteps(const Grammar& grammar) {
  std::vector<std::string> words = {
      "",     "\uFF5C", "a\uFF5C", "{",     "}",    "{\"", "\":", "\": ", "a",        "é",  "\xC3",
      "\xA9", "1",      "12",      "1}",    "null", "nul", "l}",  ",",    ", \"",     "\\", "\\n",
      "[[",   "]]",     "\n  ",    "true}", "}}",   "e5",  "-",   "0.",   "{\"a\":1}"};
  for (char c = 1; c < 127; ++c) words.push_back({c});  // so that every text can go on
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    std::string word;
    for (std::uint64_t n = 1 + random.Below(4); n-- > 0;)
      word += "{}[]\":,0-9.e aZ\\nt"[random.Below(18)];
    words.push_back(word);
  }
  const std::vector<std::string_view> bytes(words.begin(), words.end());
  const TokenTrie trie(bytes);
  Matcher matcher(grammar, 40);
  std::vector<std::uint64_t> allowed;
  for (int text = 0; text < 30; ++text) {
    Walker walker(matcher);
    for (int step = 0; step < 25; ++step) {
      matcher.Allowed(walker.place(), trie, &allowed);
      std::vector<std::size_t> possible;
      for (std::size_t t = 0; t < words.size(); ++t) {
        const bool bit = (allowed[t / 64] >> t % 64 & 1) != 0;
        const bool may = !words[t].empty() && matcher.Step(walker.place(), words[t]) != kDead;
        EXPECT_EQ(bit, may) << words[t];
        if (bit) possible.push_back(t);
      }
      if (possible.empty()) {
        EXPECT_TRUE(walker.may_end());
        break;
      }
      EXPECT_TRUE(walker.Push(words[possible[random.Below(possible.size())]]));
    }
  }
  return matcher.forgets();
}

TEST(Matcher, MasksAgreeWithSteps) {
  // So few places that walkers had to find theirs again.
  EXPECT_GT(ExpectMasksLikeSteps(Make([](Builder& b) { return JsonValues(b).AnyObject(); })), 0u);
  ExpectMasksLikeSteps(Make([](Builder& b) {  // strings of few characters
    JsonValues json(b);
    return b.Repeat(b.Any({json.String(0, 3), json.String(2, 2), b.Text("\"abcde")}), 1, kMany);
  }));
  ExpectMasksLikeSteps(Make([](Builder& b) {
    b.EscapeBars();
    return b.Repeat(JsonValues(b).String(0, 4), 1, kMany);
  }));
}

// What masks keep is what the matcher says.
TEST(Masks, AreKeptByPlace) {
  const Grammar grammar = Make([](Builder& b) { return JsonValues(b).AnyObject(); });
  const std::string_view words[] = {"{", "}", "\"", "a", "\":", "1", ",", "{\"a"};
  const TokenTrie trie(words);
  Matcher matcher(grammar, 20);
  Masks masks(matcher, trie, 24);  // three of them
  Walker walker(matcher);
  std::vector<std::uint64_t> expected;
  for (int round = 0; round < 3; ++round)
    for (const char* text : {"{", "\"a", "a", "\":", "1", ",", "\"b\":{", "}", ","}) {
      if (round > 0 && text == std::string_view("{")) continue;
      ASSERT_TRUE(walker.Push(text));
      for (int again = 0; again < 2; ++again) {
        const std::span<const std::uint64_t> mask = masks.At(walker.place());
        matcher.Allowed(walker.place(), trie, &expected);
        EXPECT_TRUE(std::ranges::equal(mask, expected)) << text;
      }
    }
}

TEST(NumberRange, AcceptsWhatLiesBetween) {
  Random random(3);
  const auto bound = [&]() -> std::optional<Bound> {
    if (random.Below(4) == 0) return std::nullopt;
    const double scale[] = {1, 1, 10, 100, 1000};
    const double whole = static_cast<double>(random.Below(4001)) - 2000;
    const double value = whole / scale[random.Below(5)];
    return Bound{value, random.Below(2) == 0};
  };
  for (int round = 0; round < 300; ++round) {
    const auto least = bound(), most = bound();
    const bool whole = random.Below(2) == 0;
    Builder b;
    const std::size_t rule = b.NewRule();
    const auto piece = whole ? IntegerRange(b, least, most) : NumberRange(b, least, most);
    ASSERT_TRUE(piece.ok()) << piece.error().what;
    // Beside an own text, so that the language is never empty.
    b.Define(rule, b.Any({*piece, b.Text("x")}));
    const auto made = std::move(b).Finish();
    ASSERT_TRUE(made.ok()) << made.error().what;
    const Grammar& grammar = *made;
    for (int i = 0; i < 40; ++i) {
      double near = least && random.Below(2) == 0 ? least->value : most ? most->value : 0;
      const double away = static_cast<double>(random.Below(2001)) - 1000;
      near += away / (random.Below(2) == 0 ? 1 : 1000);
      std::string text = fmt::format("{:.{}f}", near, whole ? 0 : random.Below(5));
      const double value = std::strtod(text.c_str(), nullptr);
      if (value == 0) text = whole ? "0" : "0.0";
      const bool inside =
          (!least || value > least->value || (value == least->value && !least->strict)) &&
          (!most || value < most->value || (value == most->value && !most->strict));
      EXPECT_EQ(Accepts(grammar, text), inside)
          << text << " in " << (least ? least->value : -1e9) << (least && least->strict) << " .. "
          << (most ? most->value : 1e9) << (most && most->strict) << whole;
    }
  }
}

TEST(NumberRange, BoundsThatLeaveNoTextAreNamed) {
  Builder b;
  const Bound large{1e17, false}, small{-1e17, false};
  EXPECT_EQ(NumberRange(b, large, {}).error().code, Code::kUnsupported);
  EXPECT_EQ(NumberRange(b, {}, small).error().code, Code::kUnsupported);
  EXPECT_EQ(IntegerRange(b, large, {}).error().code, Code::kUnsupported);
  EXPECT_EQ(IntegerRange(b, {}, small).error().code, Code::kUnsupported);
  EXPECT_EQ(IntegerRange(b, Bound{9007199254740992, false}, {}).error().code, Code::kUnsupported);
  for (const auto& [least, most] : {std::pair{small, large}, {Bound{1e-12, true}, large}}) {
    EXPECT_TRUE(NumberRange(b, least, most).ok());
    EXPECT_TRUE(IntegerRange(b, least, most).ok());
  }
}

// Against the standard library's ECMAScript expressions, on texts that need no escapes.
TEST(Pattern, AcceptsWhereTheExpressionIsFound) {
  const char* const patterns[] = {"^ab*c$",
                                  "a|b",
                                  "^(?:a|bc){2,3}$",
                                  "[^a-c]",
                                  "^\\d+(\\.\\d{2})?$",
                                  "^[A-Z]\\w*$|^x",
                                  "^a?b+?c.$",
                                  "^$",
                                  "c$",
                                  "^[\\d-]+$",
                                  "^(a(b|c)*)+$"};
  Random random(9);
  for (const char* pattern : patterns) {
    const std::regex reference(pattern);
    const Grammar grammar = Make([&](Builder& b) { return Pattern(b, pattern).value(); });
    for (int i = 0; i < 400; ++i) {
      std::string text;
      for (std::uint64_t n = random.Below(7); n-- > 0;) text += "abcAX12.-x"[random.Below(10)];
      EXPECT_EQ(Accepts(grammar, text), std::regex_search(text, reference))
          << pattern << " " << text;
    }
  }
}

TEST(Pattern, SpellsCharactersAsStringsDo) {
  const Grammar grammar =
      Make([](Builder& b) { return Pattern(b, "^[\"\\n\\\\\\u00e9]+$").value(); });
  EXPECT_TRUE(Accepts(grammar, "\\\"\\n\\\\\u00E9"));
  EXPECT_FALSE(Accepts(grammar, "\""));
  EXPECT_FALSE(Accepts(grammar, "\n"));
}

TEST(Pattern, WhatIsUnknownIsNamed) {
  const auto what = [](const char* pattern) {
    Builder b;
    const auto piece = Pattern(b, pattern);
    return piece.ok() ? std::string() : piece.error().what;
  };
  EXPECT_EQ(what("a(?=b)"), "pattern: look-ahead at byte 2 is not supported");
  EXPECT_EQ(what("(a)\\1"), "pattern: \\1 at byte 4 is not supported");
  EXPECT_EQ(what("a\\b"), "pattern: \\b at byte 2 is not supported");
  EXPECT_EQ(what("a^b"), "pattern: an anchor inside at byte 1 is not supported");
  EXPECT_EQ(what("[a"), "pattern ends early");
  EXPECT_EQ(what("a)"), "pattern: found ')' at byte 1");
  EXPECT_EQ(what("*a"), "pattern: found '*' at byte 0");
  EXPECT_EQ(what("a{5000}"), "pattern: a count above 1000 at byte 6 is not supported");
}

TEST(JsonValues, KeysOtherThanSome) {
  const Grammar grammar = Make([](Builder& b) {
    return JsonValues(b).KeyOtherThan({"a", "abc", "b\u00E9", "q\""});
  });
  for (const char* good : {"\"\"", "\"ab\"", "\"abcd\"", "\"b\"", "\"c\u00E9\"", "\"ba\"", "\"q\""})
    EXPECT_TRUE(Accepts(grammar, good)) << good;
  for (const char* bad : {"\"a\"", "\"abc\"", "\"b\u00E9\"", "\"", "a"})
    EXPECT_FALSE(Accepts(grammar, bad)) << bad;
}

}  // namespace
}  // namespace hadal::grammar
