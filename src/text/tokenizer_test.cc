#include "text/tokenizer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <thread>

#include "text/bpe_trainer.h"
#include "text/small_tokenizer.h"
#include "text/utf8.h"

namespace hadal::text {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer Make(const Json& file) {
  auto made = Tokenizer::Parse(file.Dump());
  EXPECT_TRUE(made.ok()) << made.error().what;
  return std::move(made).value();
}

// Learns from a text in several scripts; made once.
const Tokenizer& Trained() {
  static const Tokenizer tokenizer = [] {
    std::string text;
    for (int i = 0; i < 20; ++i)
      text +=
          "The fox said: it's 1234 o'clock!\n\n  \u4F60\u597D\uFF0C\u4E16\u754C "
          "\u0432\u0441\u0435\u043C e\u0301t\u00E9 \U0001F600\U0001F600 the foxes' den\r\n";
    const auto json = TrainBpe({text},
                               {.vocab_size = 400,
                                .leading_tokens = {"<bos>"},
                                .added_tokens = {"<think>", "</think>", "\uFF5Cend\uFF5C"}},
                               {});
    EXPECT_TRUE(json.ok());
    return std::move(Tokenizer::Parse(*json)).value();
  }();
  return tokenizer;
}

TEST(Tokenizer, ByHand) {
  const Tokenizer t =
      Make(SmallTokenizer{.merges = {{"l", "o"}, {"lo", "w"}, {"\u0120", "lo"}, {"\u0120lo", "w"}},
                          .pre_tokenizer = DeepSeekSteps()}
               .File());
  EXPECT_EQ(t.Encode("low"), (Ids{257}));
  EXPECT_EQ(t.Encode("low low lo"), (Ids{257, ' ', 257, 258}));  // "lo w" outranks "\u0120 lo"
  EXPECT_EQ(t.Encode(""), Ids{});
  EXPECT_EQ(t.Encode("lower"), (Ids{257, 'e', 'r'}));
  EXPECT_EQ(t.Encode("l,ow"), (Ids{'l', ',', 'o', 'w'}));  // pieces do not merge with each other
  EXPECT_EQ(t.TokenBytes(258), " lo");
  EXPECT_EQ(t.TokenBytes(' '), " ");
  EXPECT_EQ(t.TokenBytes(-1), "");
  EXPECT_EQ(t.TokenBytes(260), "");
  EXPECT_EQ(t.vocab_size(), 260u);
  EXPECT_EQ(t.Decode(Ids{257, 258, 999, -5}), "low lo");
}

TEST(Tokenizer, MergesMayBePairsAndPiecesMayBeWhole) {
  SmallTokenizer small{.merges = {{"a", "b"}, {"b", "c"}, {"ab", "c"}}};
  Json file = small.File();
  Json model = small.Model();
  model.Set("merges", Json::Array{Json::Array{"b", "c"}, Json::Array{"a", "b"}});
  file.Set("model", model);
  EXPECT_EQ(Make(file).Encode("abc"), (Ids{'a', 257}));
  model.Set("ignore_merges", true);
  file.Set("model", model);
  EXPECT_EQ(Make(file).Encode("abc"), (Ids{258}));
  EXPECT_EQ(Make(file).Encode("abcb"), (Ids{'a', 257, 'b'}));
}

TEST(Tokenizer, PreTokenizerOptions) {
  SmallTokenizer small{.merges = {{"\u0120", "a"}}};
  small.pre_tokenizer = ByteLevelStep(true, true);
  EXPECT_EQ(Make(small.File()).Encode("a"), (Ids{256}));
  EXPECT_EQ(Make(small.File()).Encode(" a"), (Ids{256}));
  small.pre_tokenizer = ByteLevelStep(false, false);
  EXPECT_EQ(Make(small.File()).Encode("a a"), (Ids{'a', 256}));
  small.pre_tokenizer = StepSequence({RegexSplit("-"), ByteLevelStep(false, true)});
  EXPECT_EQ(Make(small.File()).Encode("a-a"), (Ids{256, ' ', '-', 256}));
  Json literal = RegexSplit("x");
  literal.Set("pattern", Json::MakeObject({{"String", " "}}));
  small.pre_tokenizer = StepSequence({literal, ByteLevelStep()});
  EXPECT_EQ(Make(small.File()).Encode("a a"), (Ids{'a', ' ', 'a'}));
}

TEST(Tokenizer, AddedTokensAnywhere) {
  const Tokenizer t = Make(
      SmallTokenizer{.merges = {{"a", "b"}},
                     .added = {{"<|x|>", 300}, {"<|x|><|y|>", 301}, {"ab", 256}, {"\uFF5C", 302}}}
          .File());
  EXPECT_EQ(t.Encode("<|x|>", ControlTokens::kRead), (Ids{300}));
  EXPECT_EQ(t.Encode("a<|x|>b", ControlTokens::kRead), (Ids{'a', 300, 'b'}));
  EXPECT_EQ(t.Encode("<|x|><|y|><|x|", ControlTokens::kRead), (Ids{301, '<', '|', 'x', '|'}));
  EXPECT_EQ(t.Encode("\uFF5Cab\uFF5C", ControlTokens::kRead), (Ids{302, 256, 302}));
  EXPECT_EQ(t.Encode("\xEF\xBD"), t.Encode(kReplacement));  // half of one is not one
  EXPECT_EQ(t.Decode(Ids{300, 302, 256}),
            "<|x|>\uFF5C"
            "ab");
  EXPECT_EQ(t.AddedToken("<|x|>"), 300);
  EXPECT_EQ(t.AddedToken("ab"), 256);
  EXPECT_EQ(t.AddedToken("b"), std::nullopt);
  EXPECT_EQ(t.vocab_size(), 303u);
}

// A text that names a role does not take it.
TEST(Tokenizer, PlainTextHoldsNoAddedTokens) {
  Json file = SmallTokenizer{.merges = {{"a", "b"}, {"<", "t"}, {"<t", ">"}},
                             .added = {{"<|x|>", 300}, {"ab", 256}, {"<t>", 258}}}
                  .File();
  Json model = *file.Find("model");
  model.Set("ignore_merges", true);  // whole pieces are looked up before anything is merged
  file.Set("model", model);
  for (const Json& made : {SmallTokenizer{.added = {{"<|x|>", 300}}}.File(), file}) {
    const Tokenizer t = Make(made);
    EXPECT_EQ(t.Encode("<|x|>"), (Ids{'<', '|', 'x', '|', '>'}));
    EXPECT_EQ(t.Encode("a<|x|>"), (Ids{'a', '<', '|', 'x', '|', '>'}));
    EXPECT_EQ(t.Encode("<|x|>", ControlTokens::kRead), (Ids{300}));
    EXPECT_EQ(t.Decode(t.Encode("<|x|> ab")), "<|x|> ab");
  }
}

TEST(Tokenizer, InvalidUtf8IsReadAsItsLossyDecoding) {
  const Tokenizer& t = Trained();
  for (const char* bytes :
       {"\x80", "a\xC3(b", "\xE4\xBD", "\xF0\x9F\x98\x41", "\xC0\xAF", "x\xFF\xFEy"}) {
    std::string lossy;
    AppendLossy(bytes, &lossy);
    EXPECT_EQ(t.Encode(bytes), t.Encode(lossy));
    EXPECT_EQ(t.Decode(t.Encode(bytes)), lossy);
  }
}

// Text of the kinds that the splits tell apart, with added tokens, whole and broken, in between.
std::string ArbitraryText() {
  const std::vector<std::string> parts = {
      "<bos>",  "<think>", "</think>", "<think", "\uFF5Cend\uFF5C", "\uFF5C",  "the fox",
      "'s",     "\r\n",    "  ",       "12345",  "\u4F60\u597D",    "e\u0301", "\U0001F600",
      "\u0085", "\u180E",  "\x01",     ".\n"};
  std::string text;
  const auto count = *rc::gen::inRange<std::size_t>(0, 30);
  for (std::size_t i = 0; i < count; ++i) {
    if (*rc::gen::inRange(0, 2) == 0) {
      text += *rc::gen::elementOf(parts);
      continue;
    }
    std::uint32_t code =
        *rc::gen::inRange<std::uint32_t>(0, *rc::gen::element(0x80u, 0x3000u, 0x20000u));
    if (code >= 0xD800 && code <= 0xDFFF) code = 0xFFFD;
    AppendUtf8(code, &text);
  }
  return text;
}

RC_GTEST_PROP(Tokenizer, DecodeUndoesEncode, ()) {
  const std::string text = ArbitraryText();
  for (const ControlTokens control : {ControlTokens::kText, ControlTokens::kRead})
    RC_ASSERT(Trained().Decode(Trained().Encode(text, control)) == text);
  for (const TokenId id : Trained().Encode(text))
    RC_ASSERT(!Trained().AddedToken(Trained().TokenBytes(id)));
}

RC_GTEST_PROP(Tokenizer, NoTextHasFewerTokensThanItsBytesSay, ()) {
  const std::string text = ArbitraryText();
  for (const ControlTokens control : {ControlTokens::kText, ControlTokens::kRead})
    RC_ASSERT(Trained().Encode(text, control).size() >= Trained().LeastTokens(text));
}

TEST(Tokenizer, TheLongestTokensCountTheLeast) {
  const std::size_t longest = Trained().longest_token_bytes();
  EXPECT_EQ(Trained().LeastTokens(""), 0u);
  EXPECT_EQ(Trained().LeastTokens("a"), 1u);
  EXPECT_EQ(Trained().LeastTokens(std::string(longest, 'a')), 1u);
  EXPECT_EQ(Trained().LeastTokens(std::string(longest + 1, 'a')), 2u);
}

RC_GTEST_PROP(Tokenizer, StreamedPiecesAreTheDecodedWhole, ()) {
  // Any ids, so that characters break off in every way.
  const auto ids = *rc::gen::container<Ids>(rc::gen::inRange<TokenId>(-1, 410));
  StreamDecoder stream(Trained());
  std::string text;
  for (const TokenId id : ids) {
    const std::string piece = stream.Push(id);
    RC_ASSERT(ValidUtf8Prefix(piece) == piece.size());
    text += piece;
  }
  text += stream.Finish();
  RC_ASSERT(text == Trained().Decode(ids));
}

TEST(StreamDecoder, HoldsBackUnfinishedCharacters) {
  const Tokenizer t = Make(SmallTokenizer{}.File());
  StreamDecoder stream(t);
  EXPECT_EQ(stream.Push(0xF0), "");
  EXPECT_EQ(stream.Push(0x9F), "");
  EXPECT_EQ(stream.Push(0x98), "");
  EXPECT_EQ(stream.Push(0x80), "\U0001F600");
  EXPECT_EQ(stream.Push(0xE4), "");
  EXPECT_EQ(stream.Push('a'), std::string(kReplacement) + "a");
  EXPECT_EQ(stream.Push(0xC3), "");
  EXPECT_EQ(stream.Finish(), kReplacement);
  EXPECT_EQ(stream.Finish(), "");
  EXPECT_EQ(stream.Push('b'), "b");  // and it goes on
}

TEST(Tokenizer, ManyThreadsAtOnce) {
  const std::string text = "The foxes said <think>12345\u4F60\u597D</think> it's o'clock!\n";
  const Ids want = Trained().Encode(text);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) count += Trained().Encode(text) != want ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace hadal::text
