#include "eval/call_judge.h"

#include <gtest/gtest.h>

namespace hadal::eval {
namespace {

std::string Call(const std::string& name, const std::string& parameters) {
  return "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"" + name + "\">\n" + parameters +
         "</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
}
std::string Parameter(const std::string& name, const char* is_string, const std::string& value) {
  return "<｜DSML｜parameter name=\"" + name + "\" string=\"" + is_string + "\">" + value +
         "</｜DSML｜parameter>\n";
}

Json Tool(const std::string& name) {
  return ParseJson(R"({"name": ")" + name +
                   R"(", "parameters": {"type": "object", "required": ["what", "times"],
                       "properties": {"what": {"type": "string"}, "times": {"type": "integer"}}}})")
      .value();
}

class CallJudge : public ::testing::Test {
 protected:
  CallMarks Judge(const std::string& answer) const {
    return JudgeCall(chat::kDeepSeekV4, answer, tools_, &wanted_);
  }
  std::vector<Json> tools_ = {Tool("mend"), Tool("sell")};
  chat::ToolCall wanted_ = {
      .id = {}, .name = "mend", .arguments = R"({"what": "boat", "times": 3})"};
  const std::string what_ = Parameter("what", "true", "boat"),
                    times_ = Parameter("times", "false", "3");
};

TEST_F(CallJudge, TheRightCallInAnyOrderIsRight) {
  for (const std::string& parameters : {what_ + times_, times_ + what_}) {
    const CallMarks marks = Judge(Call("mend", parameters));
    EXPECT_TRUE(marks.right && marks.valid);
    EXPECT_FALSE(marks.none);
  }
}

TEST_F(CallJudge, AnotherValueOrToolIsValidAlone) {
  for (const std::string& answer :
       {Call("mend", Parameter("what", "true", "goat") + times_),
        Call("mend", what_ + Parameter("times", "false", "4")), Call("sell", what_ + times_)}) {
    const CallMarks marks = Judge(answer);
    EXPECT_TRUE(marks.valid) << answer;
    EXPECT_FALSE(marks.right || marks.none) << answer;
  }
}

TEST_F(CallJudge, WhatTheSchemaForbidsIsNotValid) {
  for (const std::string& answer : {Call("buy", what_ + times_), Call("mend", what_),
                                    Call("mend", what_ + times_ + Parameter("more", "true", "x")),
                                    Call("mend", what_ + Parameter("times", "true", "3")),
                                    Call("mend", what_ + Parameter("times", "false", "three")),
                                    Call("mend", what_ + times_).substr(0, 60)}) {
    const CallMarks marks = Judge(answer);
    EXPECT_FALSE(marks.valid || marks.right) << answer;
  }
}

TEST_F(CallJudge, AnAnswerInWordsIsNone) {
  const CallMarks marks = Judge("There is no tool here that fits.");
  EXPECT_TRUE(marks.none);
  EXPECT_FALSE(marks.valid || marks.right);
  EXPECT_FALSE(JudgeCall(chat::kDeepSeekV4, Call("mend", what_ + times_), tools_, nullptr).right);
}

}  // namespace
}  // namespace hadal::eval
