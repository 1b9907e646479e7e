// The published DeepSeek-V4 vocabulary against ids of an independent implementation. Skipped where
// the data (docs: tests of the tokenizer) is not beside the source tree.
#include <gtest/gtest.h>

#include <ctime>

#include "testing/shared_file.h"
#include "text/bpe_trainer.h"
#include "text/small_tokenizer.h"
#include "text/tokenizer.h"

namespace hadal::text {
namespace {

using testing::SharedFile;

const Tokenizer* Published() {
  static const std::optional<Tokenizer> tokenizer = []() -> std::optional<Tokenizer> {
    const auto text = SharedFile("tokenizer/tokenizer.json");
    if (!text) return std::nullopt;
    auto made = Tokenizer::Parse(*text);
    EXPECT_TRUE(made.ok()) << made.error().what;
    return std::move(made).value();
  }();
  return tokenizer ? &*tokenizer : nullptr;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

TEST(TokenizerGolden, EveryCase) {
  const auto text = SharedFile("tokenizer/golden.json");
  if (!text || Published() == nullptr) GTEST_SKIP() << "no shared/tokenizer beside the sources";
  const auto golden = ParseJson(*text);
  ASSERT_TRUE(golden.ok());
  const Json::Array& cases = *golden->Find("cases")->AsArray();
  ASSERT_GE(cases.size(), 300u);
  for (const Json& c : cases) {
    const std::string& want_text = *c.Find("text")->AsString();
    std::vector<TokenId> want;
    for (const Json& id : *c.Find("ids")->AsArray())
      want.push_back(static_cast<TokenId>(*id.AsInt()));
    EXPECT_EQ(Published()->Encode(want_text, ControlTokens::kRead), want) << c.Dump();
    EXPECT_EQ(Published()->Decode(want), want_text);
    if (const Json* hex = c.Find("bytes")) {
      EXPECT_EQ(Published()->Encode(FromHex(*hex->AsString()), ControlTokens::kRead), want)
          << c.Dump();
    }
  }
}

TEST(TokenizerGolden, RolesInPlainTextAreText) {
  if (Published() == nullptr) GTEST_SKIP() << "no shared/tokenizer beside the sources";
  for (const char* text :
       {"<\uFF5CUser\uFF5C>", "a </think> b", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>"}) {
    const std::vector<TokenId> ids = Published()->Encode(text);
    EXPECT_EQ(Published()->Decode(ids), text);
    for (const TokenId id : ids)
      EXPECT_FALSE(Published()->AddedToken(Published()->TokenBytes(id))) << text << ' ' << id;
  }
}

TEST(TokenizerGolden, SizesAndAddedTokens) {
  if (Published() == nullptr) GTEST_SKIP() << "no shared/tokenizer beside the sources";
  EXPECT_EQ(Published()->vocab_size(), 129280u);
  EXPECT_EQ(Published()->AddedToken("<think>"), 128821);
  EXPECT_EQ(Published()->AddedToken("</think>"), 128822);
  EXPECT_EQ(Published()->AddedToken("<\uFF5CUser\uFF5C>"), 128803);
  for (TokenId id = 0; id < 129280; ++id) ASSERT_FALSE(Published()->TokenBytes(id).empty()) << id;
}

double CpuSeconds(const Tokenizer& tokenizer, const std::string& text, std::size_t* ids) {
  const std::clock_t start = std::clock();
  *ids = tokenizer.Encode(text, ControlTokens::kRead).size();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// One line of one kind: four times the text may take about four times as long, not sixteen.
void ExpectLinearTime(const Tokenizer& tokenizer) {
  for (const char* unit :
       {" ", "a", "\n", "\t ", "7", "thequickbrownfox", "!?", "\u4F60\u597D", "\x01", " \x01",
        "<\uFF5C", "<think", "\xE4\xBD", "\r\n ", "\U0001FAE8"}) {
    std::string text;
    while (text.size() < (1 << 18)) text += unit;
    std::size_t ids = 0, ids4 = 0;
    const double once = CpuSeconds(tokenizer, text, &ids);
    const double four = CpuSeconds(tokenizer, text + text + text + text, &ids4);
    EXPECT_LT(four, 10 * once + 0.2) << '\'' << unit << "' " << once << " s";
    EXPECT_NEAR(static_cast<double>(ids4), 4.0 * static_cast<double>(ids), 16);
  }
}

TEST(TokenizerGolden, LongLinesTakeLinearTime) {
  if (Published() == nullptr) GTEST_SKIP() << "no shared/tokenizer beside the sources";
  ExpectLinearTime(*Published());
}

TEST(TokenizerLongLines, TakeLinearTimeWithALearntVocabulary) {
  std::string text;
  for (int i = 0; i < 100; ++i)
    text += "the quick brown fox thequickbrownfox aaaaaaaa !?!?!?        \n\n\n\n \u4F60\u597D\n";
  const auto json = TrainBpe({text}, {.vocab_size = 320, .added_tokens = {"<think>"}}, {});
  ASSERT_TRUE(json.ok());
  ExpectLinearTime(*Tokenizer::Parse(*json));
}

}  // namespace
}  // namespace hadal::text
