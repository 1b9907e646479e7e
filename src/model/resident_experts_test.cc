#include "model/resident_experts.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "io/file.h"
#include "model/expert_profile.h"
#include "testing/temp_folder.h"

namespace hadal::model {
namespace {

const std::vector<std::size_t> kExperts = {4, 4};

std::size_t Put(ResidentExperts& slots, ExpertId id, double score) {
  const std::size_t slot = slots.Place(id, Claim::kAsked, score).value();
  slots.SetReady(slot);
  slots.SetClaim(slot, Claim::kNone);
  return slot;
}

TEST(ResidentExperts, TheLeastUsedGoesFirst) {
  ResidentExperts slots(kExperts, 3);
  Put(slots, {0, 0}, 5);
  const std::size_t least = Put(slots, {0, 1}, 1);
  Put(slots, {1, 0}, 3);
  EXPECT_FALSE(slots.Place({1, 1}, Claim::kNone, 9));  // nobody asks: nothing goes
  EXPECT_EQ(slots.Place({1, 1}, Claim::kGuessed, 9), least);
  EXPECT_FALSE(slots.Find({0, 1}));
  EXPECT_EQ(slots.Find({1, 1}), least);
  slots.SetReady(least);
  slots.SetScore(*slots.Find({0, 0}), 2);
  EXPECT_TRUE(slots.Place({1, 2}, Claim::kAnnounced, 0));
  EXPECT_FALSE(slots.Find({0, 0}));
  EXPECT_TRUE(slots.Find({1, 0}));
}

TEST(ResidentExperts, WhoWaitsLessGivesWay) {
  ResidentExperts slots(kExperts, 2);
  const std::size_t guessed = Put(slots, {0, 0}, 9), announced = Put(slots, {0, 1}, 1);
  slots.SetClaim(guessed, Claim::kGuessed);
  slots.SetClaim(announced, Claim::kAnnounced);
  EXPECT_FALSE(slots.Place({1, 0}, Claim::kGuessed, 0));
  EXPECT_EQ(slots.Place({1, 0}, Claim::kAnnounced, 0), guessed);
  EXPECT_FALSE(slots.Place({1, 1}, Claim::kAnnounced, 0));
  EXPECT_EQ(slots.Place({1, 1}, Claim::kAsked, 0), announced);
  EXPECT_FALSE(slots.Place({1, 2}, Claim::kAsked, 0));  // both are being read
}

TEST(ResidentExperts, SlotsCloseAndOpen) {
  ResidentExperts slots(kExperts, 3);
  EXPECT_FALSE(slots.Open());
  const std::size_t hot = Put(slots, {0, 0}, 9), cold = Put(slots, {0, 1}, 2);
  EXPECT_EQ(slots.LeastScore(), 0.0);  // one is free
  EXPECT_TRUE(slots.Close());
  EXPECT_EQ(slots.LeastScore(), 2.0);
  EXPECT_EQ(slots.Close(), cold);
  EXPECT_FALSE(slots.Find({0, 1}));
  EXPECT_EQ(slots.open(), 1u);
  slots.Hold(hot);
  EXPECT_FALSE(slots.Close());
  EXPECT_FALSE(slots.LeastScore());
  EXPECT_FALSE(slots.Place({1, 1}, Claim::kAsked, 9));
  EXPECT_EQ(slots.Open(), cold);
  EXPECT_EQ(slots.Place({1, 1}, Claim::kAsked, 9), cold);
}

TEST(ResidentExperts, WhatIsInUseStays) {
  ResidentExperts slots(kExperts, 1);
  const std::size_t slot = Put(slots, {0, 0}, 0);
  slots.Hold(slot);
  slots.Hold(slot);
  EXPECT_FALSE(slots.Place({1, 1}, Claim::kAsked, 9));
  slots.Release(slot);
  EXPECT_FALSE(slots.Place({1, 1}, Claim::kAsked, 9));
  slots.Release(slot);
  EXPECT_TRUE(slots.Place({1, 1}, Claim::kAsked, 9));
}

TEST(ExpertScores, UsesAgeAndTheOrderOutlivesTheScale) {
  ExpertScores scores(kExperts);
  scores.Use({0, 1});
  scores.Use({0, 1});
  for (double pass = 0; pass < ExpertScores::kHalfLife; ++pass) EXPECT_FALSE(scores.Age());
  scores.Use({1, 2});
  EXPECT_NEAR(scores.Uses()[0][1], 1, 1e-3);
  EXPECT_NEAR(scores.Uses()[1][2], 1, 1e-6);
  scores.Use({1, 2});
  EXPECT_EQ(scores.Hottest(1), (std::vector<ExpertId>{{1, 2}}));
  EXPECT_EQ(scores.Hottest(9).size(), 2u);
  bool rescaled = false;
  for (int pass = 0; pass < 1'000'000 && !rescaled; ++pass) rescaled = scores.Age();
  EXPECT_TRUE(rescaled);
  EXPECT_GT(scores.Raw({1, 2}), scores.Raw({0, 1}));
  EXPECT_LT(scores.Raw({1, 2}), 1);
}

TEST(ExpertProfile, ComesBackAndIsOfItsCheckpointAlone) {
  const testing::TempFolder folder;
  const std::string path = folder.File("p.json");
  const ExpertUses uses = {{0, 1.5f, 1000, 0.001f}, {3, 0, 0, 0}},
                   shape = {{0, 0, 0, 0}, {0, 0, 0, 0}};
  EXPECT_EQ(ReadExpertProfile(path, 7, shape).error().code, Code::kNotFound);
  ASSERT_TRUE(WriteExpertProfile(path, 7, uses).ok());
  EXPECT_EQ(ReadExpertProfile(path, 7, shape).value(), uses);
  EXPECT_EQ(ReadExpertProfile(path, 8, shape).error().code, Code::kInvalid);
  EXPECT_EQ(ReadExpertProfile(path, 7, {{0, 0, 0, 0}}).error().code, Code::kCorrupt);
  EXPECT_EQ(ReadExpertProfile(path, 7, {{0, 0, 0, 0}, {0, 0}}).error().code, Code::kCorrupt);
  const std::string text = io::ReadFile(path).value();
  for (const auto& [from, to] : {std::pair{"hadal-experts", "other"},
                                 {"\"version\":1", "\"version\":2"},
                                 {"1.5", "-1"},
                                 {"1.5", "\"x\""},
                                 {"uses", "used"}}) {
    std::string other = text;
    other.replace(other.find(from), std::string(from).size(), to);
    ASSERT_TRUE(io::WriteFile(path, other).ok());
    EXPECT_EQ(ReadExpertProfile(path, 7, shape).error().code, Code::kCorrupt) << other;
  }
}

}  // namespace
}  // namespace hadal::model
