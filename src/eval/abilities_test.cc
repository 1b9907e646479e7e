#include "eval/abilities.h"
#include "testing/source_file.h"

#include <gtest/gtest.h>

namespace hadal::eval {
namespace {

TEST(Abilities, EveryTaskIsJudgedAndRunsRepeat) {
  const engine::ModelFiles files = engine::OpenModel(testing::EmbeddedFolder()).value();
  Threads threads(2);
  std::size_t calls = 0;
  const auto measure = [&] {
    return MeasureAbilities(files, threads, {.trials = 3, .answer_tokens = 8},
                            [&](std::size_t, std::size_t total) {
                              ++calls;
                              EXPECT_EQ(total, 3u);
                            })
        .value();
  };
  const std::vector<Ability> abilities = measure();
  EXPECT_EQ(calls, 3u);
  ASSERT_EQ(abilities.size(), 6u);
  EXPECT_EQ(abilities[0].trials, abilities[1].trials);       // calls, twice judged
  EXPECT_EQ(abilities[0].trials + abilities[2].trials, 3u);  // and tasks for no tool
  EXPECT_LE(abilities[0].right, abilities[1].right);
  for (std::size_t i = 3; i < 6; ++i) EXPECT_EQ(abilities[i].trials, 3u);
  const std::vector<Ability> again = measure();
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(abilities[i].right, again[i].right);
}

TEST(Abilities, IgnoranceIsSaidInSomeWords) {
  EXPECT_TRUE(AdmitsIgnorance("The story does not say."));
  EXPECT_TRUE(AdmitsIgnorance("I have read it through, and nobody mentions that."));
  EXPECT_FALSE(AdmitsIgnorance("Anna lives in Oldbridge."));
}

}  // namespace
}  // namespace hadal::eval
