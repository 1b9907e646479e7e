#include "text/bpe.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "base/random.h"

namespace hadal::text {
namespace {

// The definition: while some adjacent pair merges, merge the leftmost of the lowest rank.
std::vector<TokenId> NaiveMerge(const std::map<std::pair<TokenId, TokenId>, std::size_t>& ranks,
                                std::string_view piece) {
  std::vector<TokenId> ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  while (true) {
    std::size_t best = ranks.size(), at = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found != ranks.end() && found->second < best) {
        best = found->second;
        at = i;
      }
    }
    if (best == ranks.size()) return ids;
    ids[at] = static_cast<TokenId>(256 + best);
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

// Merges of random pairs of earlier tokens over the alphabet a, b, c, in random order, so that also
// ranks occur that no training would give.
struct RandomBpe {
  RandomBpe(std::size_t merges, std::uint64_t seed) : table(merges) {
    Random random(seed);
    std::vector<TokenId> tokens = {'a', 'b', 'c'};
    std::vector<std::pair<TokenId, TokenId>> pairs;
    while (ranks.size() < merges) {
      const auto pick = [&] { return tokens[random.Below(tokens.size())]; };
      const std::pair<TokenId, TokenId> pair = {pick(), pick()};
      if (!ranks.emplace(pair, ranks.size()).second) continue;
      const auto merged = static_cast<TokenId>(256 + ranks.size() - 1);
      EXPECT_TRUE(table.Add(pair.first, pair.second, merged));
      tokens.push_back(merged);
    }
    for (std::size_t b = 0; b < 256; ++b) byte_ids[b] = static_cast<TokenId>(b);
  }
  std::map<std::pair<TokenId, TokenId>, std::size_t> ranks;
  MergeTable table;
  std::array<TokenId, 256> byte_ids;
};

RC_GTEST_PROP(Bpe, FastIsNaive, (std::uint64_t seed)) {
  const std::size_t merges = *rc::gen::inRange<std::size_t>(0, 60);
  RandomBpe made(merges, seed);
  const auto ranks = made.ranks;
  const Bpe bpe(std::move(made.table), made.byte_ids);
  BpeScratch scratch;
  Random random(seed, 1);
  for (int i = 0; i < 20; ++i) {
    std::string piece(1 + random.Below(i % 2 == 0 ? 48 : 300), 'a');  // both ways of merging
    const std::size_t letters = 1 + random.Below(3);
    for (char& c : piece) c = static_cast<char>('a' + random.Below(letters));
    std::vector<TokenId> ids = {-7};  // what is there stays
    bpe.Encode(piece, &scratch, &ids);
    bpe.Encode(piece, &scratch, &ids);  // and once more, from the cache
    std::vector<TokenId> want = {-7}, once = NaiveMerge(ranks, piece);
    want.insert(want.end(), once.begin(), once.end());
    want.insert(want.end(), once.begin(), once.end());
    RC_ASSERT(ids == want);
  }
}

TEST(Bpe, ByHand) {
  std::array<TokenId, 256> bytes{};
  for (std::size_t b = 0; b < 256; ++b) bytes[b] = static_cast<TokenId>(b);
  MergeTable table(4);
  EXPECT_TRUE(table.Add('b', 'c', 256));
  EXPECT_TRUE(table.Add('a', 'b', 257));
  EXPECT_TRUE(table.Add('a', 256, 258));
  EXPECT_FALSE(table.Add('a', 'b', 300));
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.Rank('b', 'a'), MergeTable::kNone);
  Bpe bpe(std::move(table), bytes);
  BpeScratch scratch;
  const auto encode = [&](std::string_view piece) {
    std::vector<TokenId> ids;
    bpe.Encode(piece, &scratch, &ids);
    return ids;
  };
  EXPECT_EQ(encode("abc"), (std::vector<TokenId>{258}));  // bc first, then a+bc
  EXPECT_EQ(encode("abab"), (std::vector<TokenId>{257, 257}));
  EXPECT_EQ(encode("ab"), (std::vector<TokenId>{257}));
  EXPECT_EQ(encode("abb"), (std::vector<TokenId>{257, 'b'}));

  bpe.SetWholePieces({{"abb", 999}});
  BpeScratch fresh;
  std::vector<TokenId> whole;
  bpe.Encode("abb", &fresh, &whole);
  EXPECT_EQ(whole, (std::vector<TokenId>{999}));
}

// Longer pieces first, so that a piece's place in the cache often holds one that begins with it.
void EncodeAllBelow(const Bpe& bpe, std::string* piece, BpeScratch* scratch) {
  if (piece->size() < 7)
    for (const char c : {'a', 'b', 'c', 'd'}) {
      piece->push_back(c);
      EncodeAllBelow(bpe, piece, scratch);
      piece->pop_back();
    }
  if (piece->empty()) return;
  std::vector<TokenId> ids;
  bpe.Encode(*piece, scratch, &ids);
  ASSERT_EQ(ids, std::vector<TokenId>(piece->begin(), piece->end()));
}

TEST(Bpe, TheCacheTellsPiecesApart) {
  std::array<TokenId, 256> bytes{};
  for (std::size_t b = 0; b < 256; ++b) bytes[b] = static_cast<TokenId>(b);
  const Bpe bpe(MergeTable(0), bytes);
  BpeScratch scratch;
  std::string piece;
  EncodeAllBelow(bpe, &piece, &scratch);
}

TEST(Bpe, LongPieceOfOneLetter) {
  // a+a -> 256, 256+256 -> 257: n letters are n/4 tokens and a rest.
  std::array<TokenId, 256> bytes{};
  for (std::size_t b = 0; b < 256; ++b) bytes[b] = static_cast<TokenId>(b);
  MergeTable table(2);
  ASSERT_TRUE(table.Add('a', 'a', 256));
  ASSERT_TRUE(table.Add(256, 256, 257));
  const Bpe bpe(std::move(table), bytes);
  BpeScratch scratch;
  for (const std::size_t n : {47u, 48u, 49u, 1003u, 300001u}) {
    std::vector<TokenId> ids, want(n / 4, 257);
    if (n % 4 >= 2) want.push_back(256);
    if (n % 2 == 1) want.push_back('a');
    bpe.Encode(std::string(n, 'a'), &scratch, &ids);
    EXPECT_EQ(ids, want) << n;
  }
  // What the longest took is not kept, what an ordinary one takes is.
  const std::size_t none = BpeScratch().bytes();
  EXPECT_EQ(scratch.bytes(), none);
  std::vector<TokenId> ids;
  bpe.Encode(std::string(1000, 'a'), &scratch, &ids);
  EXPECT_GT(scratch.bytes(), none);
  EXPECT_LE(scratch.bytes(), none + BpeScratch::kKeepBytes);
}

}  // namespace
}  // namespace hadal::text
