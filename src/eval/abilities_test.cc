#include "eval/abilities.h"

#include <gtest/gtest.h>

#include <map>

#include "datagen/facts.h"
#include "testing/source_file.h"

namespace hadal::eval {
namespace {

TEST(Abilities, EveryTaskIsJudgedAndRunsRepeat) {
  const engine::ModelFiles files = engine::OpenModel(testing::EmbeddedFolder()).value();
  Threads threads(2);
  std::size_t calls = 0;
  const auto measure = [&](datagen::Half half) {
    const auto measured =
        MeasureAbilities(files, threads, {.trials = 2, .half = half, .answer_tokens = 8},
                         [&](std::size_t, std::size_t total) {
                           ++calls;
                           EXPECT_EQ(total, 2u);
                         });
    std::map<std::string, Ability> abilities;
    for (const Ability& ability : measured.value().abilities) abilities[ability.name] = ability;
    std::map<std::string, std::size_t> missed;
    for (const Miss& miss : measured.value().misses) {
      EXPECT_TRUE(miss.prompt.find(miss.asked) != std::string::npos && !miss.asked.empty());
      for (const std::string& name : miss.abilities) ++missed[name];
    }
    for (const auto& [name, ability] : abilities)
      EXPECT_EQ(missed[name], ability.trials - ability.right) << name;
    return abilities;
  };
  for (const datagen::Half half : {datagen::Half::kHeldOut, datagen::Half::kTraining}) {
    calls = 0;
    auto abilities = measure(half);
    EXPECT_EQ(calls, 2u);
    ASSERT_EQ(abilities.size(), 13u);
    const Ability call = abilities["tools: call"], valid = abilities["tools: valid"];
    EXPECT_LE(call.right, valid.right);
    EXPECT_LE(abilities["story: all"].right, abilities["story: topic"].right);
    for (const auto& [name, ability] : abilities) EXPECT_EQ(ability.trials, 2u) << name;
    const auto repeated = measure(half);
    for (const auto& [name, again] : repeated) {
      EXPECT_EQ(abilities[name].right, again.right) << name;
      EXPECT_EQ(abilities[name].trials, again.trials) << name;
    }
  }
}

TEST(Abilities, IgnoranceIsSaidInSomeWords) {
  EXPECT_TRUE(AdmitsIgnorance("The story does not say."));
  EXPECT_TRUE(AdmitsIgnorance("I have read it through, and nobody mentions that."));
  EXPECT_FALSE(AdmitsIgnorance("Anna lives in Oldbridge."));
  EXPECT_FALSE(AdmitsIgnorance("Anna did not go home."));
  EXPECT_FALSE(AdmitsIgnorance("Nothing could be better; he wouldn't sell it."));
  // What training teaches to say is enough.
  Random random(3);
  for (int i = 0; i < 200; ++i)
    for (const datagen::Question& question :
         datagen::MakeFacts(datagen::Half::kTraining, 2, &random).questions)
      if (!question.known) {
        EXPECT_TRUE(AdmitsIgnorance(question.answer)) << question.answer;
      }
}

}  // namespace
}  // namespace hadal::eval
