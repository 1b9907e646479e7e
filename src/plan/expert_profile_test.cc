#include "plan/expert_profile.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::plan {
namespace {

class PlanExpertProfile : public ::testing::Test {
 protected:
  Result<ExpertProfile> Read(const std::string& uses) {
    HADAL_CHECK(io::WriteFile(path_, R"({"format": "hadal-experts", "version": 1,
      "checkpoint": "0123456789abcdef", "uses": )" +
                                         uses + "}")
                    .ok());
    cost::CostModel model;
    model.name = "m";
    model.experts = 4;
    return ReadProfile(path_, model);
  }
  testing::TempFolder folder_;
  std::string path_ = folder_.File("p.json");
};

// The most used of all layers together; a part of the next one counts in part.
TEST_F(PlanExpertProfile, HitsAreThoseOfTheMostUsed) {
  const auto profile = Read("[[1, 0, 40, 4], [], [5, 5, 20, 25]]");
  ASSERT_TRUE(profile.ok()) << profile.error().what;
  EXPECT_DOUBLE_EQ(profile->HitsOf(0), 0);
  EXPECT_DOUBLE_EQ(profile->HitsOf(0.25), 0.65);
  EXPECT_DOUBLE_EQ(profile->HitsOf(2.5 / 8), 0.75);
  EXPECT_DOUBLE_EQ(profile->HitsOf(1), 1);
}

TEST_F(PlanExpertProfile, OfAnotherShapeOrOfNoRunIsRefused) {
  EXPECT_NE(Read("[[1, 2]]").error().what.find("found 2 experts of a layer, expected 4 as m has"),
            std::string::npos);
  EXPECT_NE(Read("[[0, 0, 0, 0]]").error().what.find("uses: found none"), std::string::npos);
  EXPECT_NE(Read("[]").error().what.find("uses: found none"), std::string::npos);
  EXPECT_EQ(Read("[[1, -2, 0, 0]]").error().code, Code::kCorrupt);
  EXPECT_EQ(ReadProfile(folder_.File("none"), {}).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace hadal::plan
