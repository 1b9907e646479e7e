#include "server/answer_parts.h"

#include <gtest/gtest.h>

namespace hadal::server {
namespace {

using Kind = AnswerPiece::Kind;

TEST(AnswerParts, AreInTheOrderInWhichTheyCame) {
  AnswerParts parts;
  parts.Add(AnswerDelta{.pieces = {{.kind = Kind::kReasoning, .text = "w"}}});
  parts.Add(AnswerDelta{.pieces = {{.kind = Kind::kReasoning, .text = "hy"}},
                        .tokens = {{.id = 1, .reasoning = true}}});
  parts.Add(AnswerDelta{.tokens = {{.id = 2}}});  // its text is held back
  parts.Add(AnswerDelta{.pieces = {{.kind = Kind::kContent, .text = "a"},
                                   {.kind = Kind::kCallBegin, .text = "f", .call_id = "c1"},
                                   {.kind = Kind::kArguments, .text = "{"}},
                        .tokens = {{.id = 3}}});
  parts.Add(AnswerDelta{.pieces = {{.kind = Kind::kArguments, .text = "}"},
                                   {.kind = Kind::kCallEnd},
                                   {.kind = Kind::kContent, .text = "b"},
                                   {.kind = Kind::kCallBegin, .text = "g", .call_id = "c2"}}});
  const std::vector<AnswerPart>& list = parts.list();
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(list[0].text, "why");
  EXPECT_EQ(list[1].text, "a");
  EXPECT_EQ(list[1].tokens.size(), 3u);
  EXPECT_EQ(list[2].call.arguments, "{}");
  EXPECT_EQ(list[3].text, "b");
  EXPECT_EQ(list[4].call.name, "g");
  for (std::size_t i = 0; i < list.size(); ++i) EXPECT_EQ(list[i].ended, i < 4) << i;
}

TEST(AnswerParts, AnInputIsAnObjectWhereverItsTextIsCut) {
  const std::string text = R"({"a": "x, \"y\"", "b": [1, {"c": 2}], "d": 3})";
  EXPECT_EQ(CallInput(text).Dump(), R"({"a":"x, \"y\"","b":[1,{"c":2}],"d":3})");
  std::size_t members = 0;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const Json input = CallInput(text.substr(0, size));
    ASSERT_NE(input.AsObject(), nullptr) << size;
    EXPECT_EQ(input.Find("arguments"), nullptr) << size;
    EXPECT_GE(input.AsObject()->size(), members) << size;  // what was there stays
    members = input.AsObject()->size();
  }
  EXPECT_EQ(CallInput(R"({"a": 1, "d": 3)").Dump(), R"({"a":1})");  // of 35, say
  EXPECT_EQ(CallInput("").Dump(), "{}");
  EXPECT_EQ(CallInput("[1,").Dump(), "{}");
}

}  // namespace
}  // namespace hadal::server
