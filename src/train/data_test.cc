#include "train/data.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "io/file.h"
#include "testing/temp_folder.h"
#include "text/small_tokenizer.h"

namespace hadal::train {
namespace {

// Documents of the given lengths; every token is different, and counts up.
Corpus MakeCorpus(const std::vector<std::size_t>& lengths) {
  Corpus corpus;
  for (const std::size_t length : lengths) {
    for (std::size_t i = 0; i < length; ++i)
      corpus.tokens.push_back(static_cast<text::TokenId>(corpus.tokens.size()) + 1);
    corpus.begins.push_back(corpus.tokens.size());
  }
  return corpus;
}

Sample MakeSample(const Corpus& corpus, const std::vector<Row>& rows, std::size_t row_tokens) {
  Sample sample;
  sample.row_tokens = row_tokens;
  for (const Row& row : rows) sample.Append(corpus, row);
  return sample;
}

TEST(Documents, AreSplitTrimmedAndReadInOrder) {
  const testing::TempFolder folder;
  ASSERT_TRUE(io::WriteFile(folder.File("b.txt"), "\nthree\r\n").ok());
  ASSERT_TRUE(io::WriteFile(folder.File("a.txt"), "<doc>\none\n<doc>two\nlines\n\n<doc>\n\n").ok());
  ASSERT_TRUE(io::WriteFile(folder.File(".hidden"), "no").ok());
  const auto documents = ReadDocuments({folder.path()}, "<doc>");
  ASSERT_TRUE(documents.ok()) << documents.error().what;
  EXPECT_EQ(*documents, (std::vector<std::string>{"one", "two\nlines", "three"}));
  const auto whole = ReadDocuments({folder.File("b.txt")}, "");
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(*whole, std::vector<std::string>{"three"});
}

TEST(Documents, BadInputIsNamed) {
  const testing::TempFolder folder;
  EXPECT_EQ(ReadDocuments({folder.File("none")}, "").error().code, Code::kNotFound);
  ASSERT_TRUE(io::WriteFile(folder.File("bin"), std::string_view("a\0b", 3)).ok());
  EXPECT_NE(ReadDocuments({folder.File("bin")}, "").error().what.find("zero byte at offset 1"),
            std::string::npos);
  ASSERT_TRUE(io::WriteFile(folder.File("marks"), "one<doc>\x02two").ok());
  EXPECT_EQ(ReadDocuments({folder.File("marks")}, "<doc>").error().what,
            folder.File("marks") +
                ": document 2: answer marks: found the document's end, expected U+0003 first");
  ASSERT_TRUE(io::WriteFile(folder.File("empty"), "\n\n").ok());
  EXPECT_EQ(ReadDocuments({folder.File("empty")}, "").error().code, Code::kInvalid);
}

TEST(HoldOut, IsAFunctionOfTextAndSeedAndKeepsTwinsTogether) {
  std::vector<std::string> documents;
  for (int i = 0; i < 200; ++i) documents.push_back("document " + std::to_string(i % 100));
  std::vector<std::string> reversed(documents.rbegin(), documents.rend());
  std::vector<std::string> other = documents;
  const auto heldout = HoldOut(&documents, 0.1, 7), again = HoldOut(&reversed, 0.1, 7);
  ASSERT_TRUE(heldout.ok() && again.ok());
  const std::set<std::string> held(heldout->begin(), heldout->end());
  EXPECT_EQ(held, std::set<std::string>(again->begin(), again->end()));
  EXPECT_GE(held.size(), 9u);
  EXPECT_LE(held.size(), 12u);
  for (const std::string& document : documents) EXPECT_EQ(held.count(document), 0u) << document;
  EXPECT_EQ(heldout->size() + documents.size(), 200u);
  const auto seed = HoldOut(&other, 0.1, 8);
  EXPECT_NE(held, std::set<std::string>(seed->begin(), seed->end()));
  std::vector<std::string> one{"only"};
  EXPECT_FALSE(HoldOut(&one, 0.1, 7).ok());
}

TEST(PackRows, EveryTokenAppearsOnceAnEpochAndRowsAreFull) {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i < 300; ++i) lengths.push_back(2 + i * 7 % 90);
  const Corpus corpus = MakeCorpus(lengths);
  for (const std::uint64_t epoch : {0u, 1u, 2u}) {
    const std::vector<Row> rows = PackRows(corpus, 32, 5, epoch, true);
    std::map<std::size_t, int> seen;
    for (const Row& row : rows) {
      std::size_t filled = 0;
      for (const Piece& piece : row) {
        filled += piece.length;
        for (std::size_t i = 0; i < piece.length; ++i) ++seen[piece.begin + i];
      }
      EXPECT_LE(filled, 32u);
    }
    for (const auto& [token, count] : seen) EXPECT_EQ(count, 1) << token;
    EXPECT_GT(seen.size(), corpus.tokens.size() - lengths.size());  // but lone last tokens
    EXPECT_LT(rows.size() * 32, corpus.tokens.size() * 103 / 100 + 32);
  }
}

TEST(PackRows, OrderAndCutsDependOnSeedAndEpochOnly) {
  const Corpus corpus = MakeCorpus({500, 3, 40, 700, 20});
  const auto tokens = [&](std::uint64_t seed, std::uint64_t epoch) {
    return MakeSample(corpus, PackRows(corpus, 16, seed, epoch, true), 16).ids;
  };
  EXPECT_EQ(tokens(1, 0), tokens(1, 0));
  EXPECT_NE(tokens(1, 0), tokens(1, 1));
  EXPECT_NE(tokens(1, 0), tokens(2, 0));
  const Corpus whole_rows = MakeCorpus(std::vector<std::size_t>(8, 16));  // nothing to cut
  const auto order = [&](std::uint64_t epoch) {
    return MakeSample(whole_rows, PackRows(whole_rows, 16, 1, epoch, true), 16).ids;
  };
  EXPECT_NE(order(0), order(1));
  std::set<std::size_t> first_cuts;
  for (std::uint64_t epoch = 0; epoch < 20; ++epoch)
    for (const Row& row : PackRows(corpus, 16, 1, epoch, true))
      for (const Piece& piece : row)
        if (piece.begin == 0) first_cuts.insert(piece.length);
  EXPECT_GT(first_cuts.size(), 5u);
}

TEST(Sample, TargetsStayInsideTheirDocument) {
  const Corpus corpus = MakeCorpus({5, 3});  // tokens 1..5 and 6..8
  Sample sample;
  sample.row_tokens = 8;
  constexpr std::int64_t kNone = Sample::kIgnored;
  sample.Append(corpus, {{0, 3, 5}, {5, 3, 8}});  // the first document is cut after token 3
  using V = std::vector<std::int64_t>;
  EXPECT_EQ(sample.ids, (V{1, 2, 3, 6, 7, 8, 0, 0}));
  EXPECT_EQ(sample.documents, (V{0, 0, 0, 1, 1, 1, 2, 2}));
  EXPECT_EQ(sample.targets, (V{2, 3, 4, 7, 8, kNone, kNone, kNone}));
  EXPECT_EQ(sample.mtp_targets, (V{3, 4, kNone, 8, kNone, kNone, kNone, kNone}));
  EXPECT_EQ(CountTargets(sample.targets), 5u);
}

// Tokens are bytes but for "re", which one answer begins in the middle of.
text::Tokenizer SmallTokenizer(const testing::TempFolder& folder) {
  const text::SmallTokenizer small{.merges = {{"r", "e"}}};
  HADAL_CHECK(io::WriteFile(folder.File("tokenizer.json"), small.File().Dump()).ok());
  return text::Tokenizer::Open(folder.path()).value();
}

TEST(Tokenize, LearnsAnswersAloneWhereADocumentMarksThem) {
  const testing::TempFolder folder;
  const text::Tokenizer tokenizer = SmallTokenizer(folder);
  const std::vector<std::string> documents = {
      "ab\x02"
      "cd\x03 r\x02"
      "e\x03",
      "\x02x\x03y", "xy"};
  const Corpus corpus = Tokenize(documents, tokenizer, {.bos = 300, .eos = 301}, 1).value();
  using V = std::vector<std::int64_t>;
  Sample sample;
  sample.row_tokens = 8;
  for (std::size_t i = 0; i < 3; ++i)
    sample.Append(corpus, {{corpus.begins[i], corpus.begins[i + 1] - corpus.begins[i],
                            corpus.begins[i + 1]}});
  constexpr std::int64_t kNone = Sample::kIgnored;
  EXPECT_EQ(V(sample.ids.begin(), sample.ids.begin() + 8),
            (V{300, 'a', 'b', 'c', 'd', ' ', 256, 301}));
  EXPECT_EQ(sample.targets, (V{kNone, kNone, 'c',   'd',   kNone, 256,   301,   kNone,  //
                               'x',   kNone, kNone, kNone, kNone, kNone, kNone, kNone,  //
                               'x',   'y',   301,   kNone, kNone, kNone, kNone, kNone}));
  EXPECT_EQ(V(sample.mtp_targets.begin(), sample.mtp_targets.begin() + 8),
            (V{kNone, 'c', 'd', kNone, 256, 301, kNone, kNone}));
  EXPECT_EQ(corpus.text_bytes, 11u);
}

TEST(Tokenize, AnswersHaveTheirWeight) {
  const testing::TempFolder folder;
  const MarkOptions marks{.bos = 300, .eos = 301, .answer_weight = 4};
  const Corpus corpus = Tokenize({"ab\x02"
                                  "c\x03",
                                  "xy"},
                                 SmallTokenizer(folder), marks, 1)
                            .value();
  using V = std::vector<float>;
  EXPECT_EQ(corpus.weights, (V{0, 0, 0, 4, 4, 0, 1, 1, 1}));
  Sample sample;
  sample.row_tokens = 10;
  sample.Append(corpus, {{0, 5, 5}, {5, 4, 9}});
  EXPECT_EQ(sample.weights, (V{0, 0, 4, 4, 0, 1, 1, 1, 0, 0}));
  EXPECT_EQ(sample.mtp_weights, (V{0, 4, 4, 0, 0, 1, 1, 0, 0, 0}));
  EXPECT_EQ(SumOfWeights(sample.weights), 11);
}

TEST(Tokenize, WithoutMarksEverythingIsLearnt) {
  const testing::TempFolder folder;
  const Corpus corpus = Tokenize({"xy"}, SmallTokenizer(folder), {}, 1).value();
  EXPECT_TRUE(corpus.weights.empty());
  Corpus marked = corpus;
  marked.weights = {0, 1};
  EXPECT_NE(marked.Fingerprint(), corpus.Fingerprint());
}

TEST(Tokenize, MarksInBrokenTextAreAnError) {
  const testing::TempFolder folder;
  const auto corpus = Tokenize({"\xff\x02"
                                "x\x03"},
                               SmallTokenizer(folder), {}, 1);
  ASSERT_FALSE(corpus.ok());
  EXPECT_NE(corpus.error().what.find("expected UTF-8"), std::string::npos) << corpus.error().what;
}

TEST(DataStream, GoesOnFromAPositionAsIfNeverStopped) {
  const Corpus corpus = MakeCorpus({50, 33, 40, 70, 20});
  DataStream stream(corpus, 16, 3), other(corpus, 16, 3);
  for (int i = 0; i < 7; ++i) stream.Next(5);
  EXPECT_GE(stream.position().epoch, 2u);
  ASSERT_TRUE(other.Seek(stream.position()).ok());
  for (int i = 0; i < 7; ++i) EXPECT_EQ(stream.Next(5).ids, other.Next(5).ids);
  EXPECT_EQ(other.Seek({.epoch = 0, .row = 1000}).error().code, Code::kCorrupt);
}

TEST(Corpus, FingerprintSeesTokensAndBorders) {
  const std::uint64_t base = MakeCorpus({5, 3}).Fingerprint();
  EXPECT_EQ(base, MakeCorpus({5, 3}).Fingerprint());
  EXPECT_NE(base, MakeCorpus({3, 5}).Fingerprint());
  Corpus changed = MakeCorpus({5, 3});
  ++changed.tokens[2];
  EXPECT_NE(base, changed.Fingerprint());
}

}  // namespace
}  // namespace hadal::train
