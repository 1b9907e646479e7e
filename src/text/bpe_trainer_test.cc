#include "text/bpe_trainer.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/random.h"
#include "text/pair_merger.h"
#include "text/tokenizer.h"

namespace hadal::text {
namespace {

std::vector<std::string> Merges(const std::string& json) {
  const auto parsed = ParseJson(json);
  EXPECT_TRUE(parsed.ok());
  std::vector<std::string> merges;
  for (const Json& merge : *parsed->Find("model")->Find("merges")->AsArray())
    merges.push_back(*merge.AsString());
  return merges;
}

TEST(BpeTrainer, ByHand) {
  // Pieces: "hug" 10, " pug" 5, " pun" 12, " bun" 4, " hugs" 5. Space is written U+0120.
  std::string text;
  for (int i = 0; i < 10; ++i) text += "hug\n";
  const auto repeat = [&](int count, const char* word) {
    for (int i = 0; i < count; ++i) text += std::string(word) + "\n";
  };
  repeat(5, " pug");
  repeat(12, " pun");
  repeat(4, " bun");
  repeat(5, " hugs");
  const auto json = TrainBpe({text}, {.vocab_size = 256 + 5}, {});
  ASSERT_TRUE(json.ok());
  // ug 20; then un 16, though " p" is 17; then " p" 17 first: so " p" 17 before "un" 16, then
  // hug 15, then " p"+"un" 12.
  EXPECT_EQ(Merges(*json),
            (std::vector<std::string>{"u g", "\u0120 p", "u n", "h ug", "\u0120p un"}));
}

TEST(BpeTrainer, TiesGoToTheLowerIds) {
  const auto json = TrainBpe({"cd\ncd\nab\nab\n"}, {.vocab_size = 258}, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(Merges(*json), (std::vector<std::string>{"a b", "c d"}));
}

TEST(BpeTrainer, StopsWhereNothingRepeats) {
  const auto json = TrainBpe({"ab ab cd"}, {.vocab_size = 1000}, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(Merges(*json), (std::vector<std::string>{"a b"}));
  EXPECT_TRUE(Tokenizer::Parse(*TrainBpe({}, {.vocab_size = 1000}, {})).ok());
}

TEST(BpeTrainer, LaysOutIdsAsPublished) {
  const BpeTrainOptions options = {.vocab_size = 264,
                                   .leading_tokens = {"<bos>", "<eos>"},
                                   .added_tokens = {"<think>", "</think>", "<\uFF5CUser\uFF5C>"}};
  const auto json = TrainBpe({"<bos>no no no<think>no</think>no<eos>"}, options, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(Merges(*json), (std::vector<std::string>{"n o", "\u0120 no"}));
  const auto t = Tokenizer::Parse(*json);
  ASSERT_TRUE(t.ok()) << t.error().what;
  EXPECT_EQ(t->vocab_size(), 263u);  // nothing was left for the last one
  EXPECT_EQ(t->AddedToken("<bos>"), 0);
  EXPECT_EQ(t->AddedToken("<eos>"), 1);
  EXPECT_EQ(t->TokenBytes(2), "!");
  EXPECT_EQ(t->TokenBytes(258), "no");
  EXPECT_EQ(t->AddedToken("<think>"), 260);
  EXPECT_EQ(t->Encode("<bos>no no<think>", ControlTokens::kRead),
            (std::vector<TokenId>{0, 258, 259, 260}));
}

TEST(BpeTrainer, IsDeterministicAndReportsProgress) {
  std::string text;
  Random random(1);
  for (int i = 0; i < 20000; ++i) text.push_back("abcdef  \n"[random.Below(9)]);
  std::size_t last = 0, total = 0;
  const auto first = TrainBpe({text, "a"}, {.vocab_size = 500}, [&](std::size_t d, std::size_t t) {
    EXPECT_GE(d, last);
    last = d;
    total = t;
  });
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(last, 500u);
  EXPECT_EQ(total, 500u);
  EXPECT_EQ(*first, *TrainBpe({text, "a"}, {.vocab_size = 500}, {}));
}

TEST(BpeTrainer, RefusesOptionsThatMakeNoSense) {
  const auto error = [](const BpeTrainOptions& options) {
    const auto json = TrainBpe({"x"}, options, {});
    EXPECT_FALSE(json.ok());
    EXPECT_EQ(json.error().code, Code::kInvalid);
    return json.ok() ? "" : json.error().what;
  };
  EXPECT_EQ(error({.vocab_size = 257, .leading_tokens = {"<a>", "<b>"}}),
            "vocabulary size 257; expected 258 (256 bytes, 2 added tokens) to 4194304");
  error({.vocab_size = std::size_t{1} << 40});
  error({.leading_tokens = {"<a>"}, .added_tokens = {"<a>"}});
  error({.added_tokens = {""}});
  error({.added_tokens = {"\xFF"}});
  error({.added_tokens = {"a"}});
}

TEST(BpeTrainer, NoLearntTokenIsWrittenLikeAnAddedOne) {
  // " ab" would be written as U+0120 and "ab", which here is the content of an added token.
  const auto json = TrainBpe({" ab ab ab"}, {.vocab_size = 300, .added_tokens = {"\u0120ab"}}, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(Merges(*json), (std::vector<std::string>{"a b"}));
  EXPECT_TRUE(Tokenizer::Parse(*json).ok());
}

TEST(BpeTrainer, InvalidTextIsReadLossily) {
  const auto json = TrainBpe({"\xFF\xFF \xFF\xFF"}, {.vocab_size = 300}, {});
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, *TrainBpe({"\uFFFD\uFFFD \uFFFD\uFFFD"}, {.vocab_size = 300}, {}));
}

// The definition: count all pairs anew for every merge.
std::vector<std::pair<TokenId, TokenId>> NaiveLearn(std::vector<PairMerger::Word> words,
                                                    std::vector<std::string> tokens,
                                                    std::size_t merges) {
  std::vector<std::pair<TokenId, TokenId>> learnt;
  while (learnt.size() < merges) {
    std::map<std::pair<TokenId, TokenId>, std::int64_t> counts;
    for (const auto& word : words)
      for (std::size_t i = 0; i + 1 < word.ids.size(); ++i)
        counts[{word.ids[i], word.ids[i + 1]}] += word.count;
    std::pair<TokenId, TokenId> best;
    std::int64_t most = 0;
    for (const auto& [pair, count] : counts) {
      const std::string text = tokens[static_cast<std::size_t>(pair.first)] +
                               tokens[static_cast<std::size_t>(pair.second)];
      if (count > most && std::ranges::find(tokens, text) == tokens.end()) {
        best = pair;
        most = count;
      }
    }
    if (most < 2) break;
    tokens.push_back(tokens[static_cast<std::size_t>(best.first)] +
                     tokens[static_cast<std::size_t>(best.second)]);
    learnt.push_back(best);
    for (auto& word : words) {
      std::vector<TokenId> ids;
      for (std::size_t i = 0; i < word.ids.size(); ++i) {
        const bool here =
            i + 1 < word.ids.size() && word.ids[i] == best.first && word.ids[i + 1] == best.second;
        ids.push_back(here ? static_cast<TokenId>(tokens.size() - 1) : word.ids[i]);
        i += here ? 1 : 0;
      }
      word.ids = ids;
    }
  }
  return learnt;
}

RC_GTEST_PROP(PairMerger, IncrementalCountsAreTheCounts, (std::uint64_t seed)) {
  Random random(seed);
  const std::size_t letters = 1 + random.Below(4);
  std::vector<PairMerger::Word> words(1 + random.Below(20));
  for (auto& word : words) {
    word.count = static_cast<std::int64_t>(1 + random.Below(5));
    word.ids.resize(random.Below(30));
    for (TokenId& id : word.ids) id = static_cast<TokenId>(random.Below(letters));
  }
  const std::vector<std::string> tokens = {"a", "b", "c", "d"};
  PairMerger merger(words, tokens, {});
  while (merger.merges().size() < 40 && merger.Step(2)) {
  }
  std::vector<std::pair<TokenId, TokenId>> got;
  for (const auto& [left, right] : merger.merges()) got.emplace_back(left, right);
  RC_ASSERT(got == NaiveLearn(words, tokens, 40));
}

}  // namespace
}  // namespace hadal::text
