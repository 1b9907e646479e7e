// What a tokenizer.json may not say, and how the refusal reads.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "testing/temp_folder.h"
#include "text/small_tokenizer.h"
#include "text/tokenizer.h"

namespace hadal::text {
namespace {

void ExpectError(const Json& file, Code code, const std::string& part) {
  const auto made = Tokenizer::Parse(file.Dump());
  ASSERT_FALSE(made.ok()) << part;
  EXPECT_EQ(made.error().code, code) << made.error().what;
  EXPECT_EQ(made.error().what.rfind("tokenizer.json: ", 0), 0u) << made.error().what;
  EXPECT_NE(made.error().what.find(part), std::string::npos) << made.error().what;
  EXPECT_EQ(made.error().what.find('\n'), std::string::npos) << made.error().what;
}

Json With(const std::string& key, Json value) {
  Json file = SmallTokenizer{}.File();
  file.Set(key, std::move(value));
  return file;
}

Json WithModel(const std::string& key, Json value) {
  Json model = SmallTokenizer{.merges = {{"a", "b"}}}.Model();
  model.Set(key, std::move(value));
  return With("model", std::move(model));
}

Json Typed(const char* type) { return Json::MakeObject({{"type", type}}); }

TEST(TokenizerJson, TheSmallOneIsFine) {
  EXPECT_TRUE(Tokenizer::Parse(SmallTokenizer{}.File().Dump()).ok());
  EXPECT_TRUE(Tokenizer::Parse(WithModel("dropout", nullptr).Dump()).ok());
  EXPECT_TRUE(Tokenizer::Parse(WithModel("end_of_word_suffix", "").Dump()).ok());
  const Json empty = Json::MakeObject({{"type", "Sequence"}, {"normalizers", Json(Json::Array{})}});
  EXPECT_TRUE(Tokenizer::Parse(With("normalizer", empty).Dump()).ok());
}

TEST(TokenizerJson, NotAnObject) {
  for (const char* text : {"", "{", "[]", "7", "\"x\"", "null", "{}", "{\"model\":[]}"}) {
    const auto made = Tokenizer::Parse(text);
    ASSERT_FALSE(made.ok()) << text;
    EXPECT_EQ(made.error().what.rfind("tokenizer.json: ", 0), 0u) << made.error().what;
  }
}

TEST(TokenizerJson, PartsThatWouldChangeIdsAreNamed) {
  ExpectError(With("version", "2.0"), Code::kUnsupported, "version is '2.0'");
  ExpectError(With("normalizer", Typed("NFC")), Code::kUnsupported, "'NFC'");
  ExpectError(With("normalizer", Json::MakeObject({{"type", "Sequence"},
                                                   {"normalizers", Json::Array{Typed("NFC")}}})),
              Code::kUnsupported, "normalizer is of type 'Sequence' and not empty");
  ExpectError(With("decoder", Typed("Metaspace")), Code::kUnsupported, "'Metaspace'");
  ExpectError(With("decoder", nullptr), Code::kCorrupt, "decoder is null");
  ExpectError(WithModel("type", "Unigram"), Code::kUnsupported, "'Unigram'");
  ExpectError(WithModel("byte_fallback", true), Code::kUnsupported, "byte_fallback");
  ExpectError(WithModel("unk_token", "<unk>"), Code::kUnsupported, "model.unk_token is '<unk>'");
  ExpectError(WithModel("dropout", 0.1), Code::kUnsupported, "model.dropout is 0.1");
  ExpectError(WithModel("continuing_subword_prefix", "##"), Code::kUnsupported, "##");
}

TEST(TokenizerJson, PreTokenizerStepsAreNamed) {
  const auto with_steps = [](Json::Array steps) {
    return With("pre_tokenizer", StepSequence(std::move(steps)));
  };
  ExpectError(With("pre_tokenizer", nullptr), Code::kCorrupt, "pre_tokenizer is null");
  ExpectError(With("pre_tokenizer", Typed("Metaspace")), Code::kUnsupported, "'Metaspace'");
  ExpectError(with_steps({RegexSplit("a")}), Code::kUnsupported, "no ByteLevel");
  ExpectError(with_steps({ByteLevelStep(), RegexSplit("a")}), Code::kUnsupported,
              "pre_tokenizer.pretokenizers[1] follows the ByteLevel");
  ExpectError(with_steps({RegexSplit("(a"), ByteLevelStep()}), Code::kUnsupported, "'(a'");
  ExpectError(with_steps({RegexSplit(""), ByteLevelStep()}), Code::kCorrupt, "empty");
  Json removed = RegexSplit("a"), inverted = RegexSplit("a"), bare = RegexSplit("a");
  removed.Set("behavior", "Removed");
  inverted.Set("invert", true);
  bare.Set("pattern", "a");
  ExpectError(with_steps({removed, ByteLevelStep()}), Code::kUnsupported, "'Removed'");
  ExpectError(with_steps({inverted, ByteLevelStep()}), Code::kUnsupported, "invert");
  ExpectError(with_steps({bare, ByteLevelStep()}), Code::kCorrupt, "pretokenizers[0].pattern");
  ExpectError(with_steps(Json::Array(100, RegexSplit("a"))), Code::kUnsupported, "more than 32");
  ExpectError(With("pre_tokenizer", Typed("Sequence")), Code::kCorrupt, "not a list");
}

TEST(TokenizerJson, VocabularyIsChecked) {
  const auto with_token = [](const char* token, Json id) {
    Json model = SmallTokenizer{}.Model();
    model.AsObject()->at(1).second.AsObject()->emplace_back(token, std::move(id));
    return With("model", std::move(model));
  };
  ExpectError(with_token("ab", 65), Code::kCorrupt, "the id 65 twice, the second time to 'ab'");
  ExpectError(with_token("ab", -1), Code::kCorrupt, "the id of 'ab' is -1");
  ExpectError(with_token("ab", 1 << 30), Code::kCorrupt, "the id of 'ab' is 1073741824");
  ExpectError(with_token("ab", std::int64_t{1} << 60), Code::kCorrupt, "ids are 0..");
  ExpectError(with_token("ab", 1.5), Code::kCorrupt, "the id of 'ab' is number");
  ExpectError(with_token("", 300), Code::kCorrupt, "empty token");
  ExpectError(with_token("a", 300), Code::kCorrupt, "given twice");
  ExpectError(WithModel("vocab", Json(Json::Object{})), Code::kCorrupt, "model.vocab");
  Json lacking = SmallTokenizer{}.Model();
  auto* vocabulary = lacking.AsObject()->at(1).second.AsObject();
  vocabulary->erase(vocabulary->begin() + 'A');
  ExpectError(With("model", lacking), Code::kCorrupt, "lacks 'A', which stands for the byte 0x41");
}

TEST(TokenizerJson, ABytesThatTextNeverHasMayBeMissing) {
  Json model = SmallTokenizer{}.Model();
  auto* vocabulary = model.AsObject()->at(1).second.AsObject();
  vocabulary->erase(vocabulary->begin() + 0xF5, vocabulary->end());
  EXPECT_TRUE(Tokenizer::Parse(With("model", std::move(model)).Dump()).ok());
}

TEST(TokenizerJson, MergesAreChecked) {
  const auto with_merge = [](Json merge) {
    return WithModel("merges", Json::Array{"a b", std::move(merge)});
  };
  EXPECT_TRUE(Tokenizer::Parse(WithModel("merges", Json::Array{"a b"}).Dump()).ok());
  ExpectError(with_merge("a zz"), Code::kCorrupt, "model.merges[1] needs the token 'zz'");
  ExpectError(with_merge("b a"), Code::kCorrupt, "needs the token 'ba'");
  ExpectError(with_merge("a b"), Code::kCorrupt, "repeats the pair 'a' 'b'");
  ExpectError(with_merge("ab"), Code::kCorrupt, "model.merges[1] is 'ab'");
  ExpectError(with_merge("a b c"), Code::kCorrupt, "model.merges[1]");
  ExpectError(with_merge(7), Code::kCorrupt, "model.merges[1] is 7");
  ExpectError(with_merge(Json::Array{"a"}), Code::kCorrupt, "model.merges[1]");
  ExpectError(with_merge(Json::Array{"a", 1}), Code::kCorrupt, "model.merges[1]");
  ExpectError(WithModel("merges", nullptr), Code::kCorrupt, "model.merges is not a list");
}

TEST(TokenizerJson, ErrorsStayShortAndOnOneLine) {
  const std::string odd = "a\nb" + std::string(100000, 'x');
  Json model = SmallTokenizer{}.Model();
  model.AsObject()->at(1).second.AsObject()->emplace_back(odd, -1);
  for (const Json& file :
       {With("model", model), With("version", odd), With("normalizer", Typed(odd.c_str())),
        WithModel("merges", Json::Array{odd}), SmallTokenizer{.added = {{odd, 65}}}.File(),
        With("pre_tokenizer", StepSequence({RegexSplit("(" + odd.substr(0, 1000))}))}) {
    const auto made = Tokenizer::Parse(file.Dump());
    ASSERT_FALSE(made.ok());
    EXPECT_LT(made.error().what.size(), 250u) << made.error().what;
    EXPECT_EQ(made.error().what.find('\n'), std::string::npos) << made.error().what;
  }
}

TEST(TokenizerJson, AddedTokensAreChecked) {
  const auto with_added = [](std::vector<std::pair<std::string, std::int64_t>> added) {
    return SmallTokenizer{.added = std::move(added)}.File();
  };
  ExpectError(with_added({{"<x>", 300}, {"<x>", 301}}), Code::kCorrupt,
              "added_tokens[1] repeats '<x>'");
  ExpectError(with_added({{"<x>", 65}}), Code::kCorrupt,
              "'<x>' the id 65, which another token has");
  ExpectError(with_added({{"A", 300}}), Code::kCorrupt, "in model.vocab it is 65");
  ExpectError(with_added({{"", 300}}), Code::kCorrupt, "added_tokens[0].content is empty");
  ExpectError(with_added({{"<x>", -4}}), Code::kCorrupt, "the id of '<x>' is -4");
  EXPECT_TRUE(Tokenizer::Parse(with_added({{"A", 65}}).Dump()).ok());
  const Json word = Json::MakeObject({{"id", 300}, {"content", "<x>"}, {"single_word", true}});
  ExpectError(With("added_tokens", Json::Array{word}), Code::kUnsupported, "single_word");
  const Json kind = Json::MakeObject({{"id", 300}, {"content", "<x>"}, {"lstrip", "yes"}});
  ExpectError(With("added_tokens", Json::Array{kind}), Code::kCorrupt,
              "added_tokens[0].lstrip is string");
  ExpectError(With("added_tokens", Json::Array{7}), Code::kCorrupt, "added_tokens[0] is integer");
  ExpectError(With("added_tokens", "x"), Code::kCorrupt, "added_tokens is not a list");
}

// As transformers saves a tokenizer after training.
TEST(TokenizerJson, PassesOverHowBatchesWereCut) {
  Json file = SmallTokenizer{}.File();
  const Tokenizer plain = Tokenizer::Parse(file.Dump()).value();
  file.Set("truncation", Json::MakeObject({{"direction", "Right"}, {"max_length", 2}}));
  file.Set("padding", Json::MakeObject({{"strategy", "BatchLongest"}, {"pad_id", 1}}));
  const auto saved = Tokenizer::Parse(file.Dump());
  ASSERT_TRUE(saved.ok()) << saved.error().what;
  const std::string text = "the the the the the the";
  EXPECT_EQ(saved->Encode(text, ControlTokens::kRead), plain.Encode(text, ControlTokens::kRead));
}

TEST(TokenizerJson, OpenNamesTheFile) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/tokenizer.json";
  EXPECT_EQ(Tokenizer::Open(folder.path()).error().code, Code::kNotFound);
  EXPECT_EQ(Tokenizer::Open(path).error().what, path + ": no such file");
  std::ofstream(path) << "{";
  EXPECT_EQ(Tokenizer::Open(folder.path()).error().what.rfind(path + ": not JSON", 0), 0u);
  std::ofstream(path) << SmallTokenizer{}.File().Dump();
  EXPECT_TRUE(Tokenizer::Open(folder.path()).ok());
  EXPECT_TRUE(Tokenizer::Open(path).ok());
  std::filesystem::create_directory(folder.path() + "/d");
  std::filesystem::create_directory(folder.path() + "/d/tokenizer.json");
  EXPECT_EQ(Tokenizer::Open(folder.path() + "/d").error().code, Code::kIo);
}

}  // namespace
}  // namespace hadal::text
