#include "text/answer_marks.h"

#include <gtest/gtest.h>

namespace hadal::text {
namespace {

TEST(AnswerMarks, AreTakenOutAndTheirRangesKept) {
  const auto marked = ReadAnswerMarks("red \x02one\x03, blue\x02 two\x03");
  ASSERT_TRUE(marked.ok()) << marked.error().what;
  EXPECT_EQ(marked->text, "red one, blue two");
  EXPECT_EQ(marked->answers, (std::vector<MarkedText::Range>{{4, 7}, {13, 17}}));
  EXPECT_EQ(WithoutAnswerMarks("red \x02one\x03, blue\x02 two\x03"), marked->text);
  EXPECT_TRUE(ReadAnswerMarks("no marks")->answers.empty());
}

TEST(AnswerMarks, WithoutTheirPartnerAreErrors) {
  const auto what = [](std::string_view text) { return ReadAnswerMarks(text).error().what; };
  EXPECT_EQ(what("a\x02z\x02"),
            "answer marks: found U+0002 at byte 3, expected the answer's end, U+0003");
  EXPECT_EQ(what("a\x03"),
            "answer marks: found U+0003 at byte 1, expected an answer's beginning, U+0002, before "
            "it");
  EXPECT_EQ(what("a\x02"), "answer marks: found the document's end, expected U+0003 first");
}

}  // namespace
}  // namespace hadal::text
