#include "eval/story_judge.h"

#include <gtest/gtest.h>

#include <string>

#include "datagen/story.h"

namespace hadal::eval {
namespace {

const std::string kStory =
    "This is a story about a kite. One day Anna made a kite. She showed it to her friend Tom. \"It "
    "will fly,\" said Tom. They went to the hill. There the kite flew. At home Anna told "
    "everybody.";

TEST(StoryJudge, AWholeStoryHasAllMarks) {
  const StoryMarks marks = JudgeStory(kStory, "kite", true);
  EXPECT_TRUE(marks.topic);
  EXPECT_TRUE(marks.names);
  EXPECT_TRUE(marks.flows);
  EXPECT_TRUE(marks.all());
}

TEST(StoryJudge, WhatIsWrongIsSeen) {
  EXPECT_FALSE(JudgeStory(kStory, "drum", true).topic);
  EXPECT_FALSE(JudgeStory(kStory, "hill", true).topic);   // not in the first sentence
  EXPECT_FALSE(JudgeStory(kStory, "story", true).topic);  // never again
  EXPECT_FALSE(JudgeStory(kStory, "kite", false).flows);
  EXPECT_FALSE(JudgeStory(kStory + " They went to the hill. ", "kite", true).flows);
  EXPECT_FALSE(JudgeStory(kStory.substr(0, 70), "kite", true).flows);
  std::string renamed = kStory;
  renamed.replace(renamed.rfind("Anna"), 4, "Clara");
  EXPECT_FALSE(JudgeStory(renamed, "kite", true).names);
  std::string nobody = kStory;
  nobody.replace(nobody.find("Anna"), 4, "nobody");
  nobody.replace(nobody.find("friend Tom"), 10, "friend");
  EXPECT_FALSE(JudgeStory(nobody, "kite", true).names);
  for (const char* none : {"", "...", "One sentence."})
    EXPECT_FALSE(JudgeStory(none, "a", true).topic);
}

// What the model is to learn must be able to win: the generator's own stories do, mostly.
TEST(StoryJudge, TheGeneratorsStoriesHoldTogether) {
  Random random(1);
  int topic = 0, names = 0, flows = 0;
  for (int i = 0; i < 400; ++i) {
    const datagen::Half half = i % 2 == 0 ? datagen::Half::kTraining : datagen::Half::kHeldOut;
    const datagen::Story story = datagen::MakeStory(half, &random);
    const StoryMarks marks =
        JudgeStory(datagen::ToldOnRequest(half, story, &random), story.topic, true);
    topic += marks.topic;
    names += marks.names;
    flows += marks.flows;
  }
  EXPECT_GT(topic, 360);
  EXPECT_GT(names, 250);
  EXPECT_GT(flows, 380) << topic << " " << names;
}

}  // namespace
}  // namespace hadal::eval
