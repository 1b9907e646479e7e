#include "engine/row_costs.h"

#include <gtest/gtest.h>

namespace hadal::engine {
namespace {

using Sizes = std::vector<std::size_t>;

TEST(RowCosts, StartSmallAndGrowFourfold) {
  RowCosts costs;
  EXPECT_EQ(costs.Predict({.decode = 3, .prompt = 40}), 0);
  EXPECT_EQ(costs.PromptRows(0, 0.25, 512), RowCosts::kFirstRows);
  EXPECT_EQ(costs.PromptRows(0, 0.25, 5), 5u);
  costs.Measured({.decode = 0, .prompt = 16}, 0.0016);
  EXPECT_EQ(costs.PromptRows(0, 0.25, 512), 64u);
  costs.Measured({.decode = 0, .prompt = 64}, 0.0064);
  EXPECT_EQ(costs.PromptRows(0, 0.25, 512), 256u);
  EXPECT_EQ(costs.PromptRows(0, 0.01, 512), 100u);  // 0.1 ms a row
}

TEST(RowCosts, PromptRowsFillWhatDecodingLeaves) {
  RowCosts costs;
  costs.Measured({.decode = 4, .prompt = 0}, 0.04);          // 10 ms a row
  costs.Measured({.decode = 5, .prompt = 100}, 0.05 + 0.2);  // 2 ms a row
  EXPECT_NEAR(costs.Predict({.decode = 2, .prompt = 10}), 0.04, 1e-9);
  EXPECT_EQ(costs.PromptRows(5, 0.1501, 512), 50u);
  EXPECT_EQ(costs.PromptRows(50, 0.1, 512),
            1u);  // decoding takes it all: reading goes on all the same
}

// A prompt that was there but for its last token is a pass of one row, whose time is not that of a
// row among many: Flash's shape takes 75 ms for one, and 4.5 ms for each of 512.
TEST(RowCosts, ARowAloneSaysNothingOfManyRows) {
  RowCosts costs;
  const auto seconds = [](std::size_t rows) { return 0.0705 + 0.0045 * static_cast<double>(rows); };
  for (const std::size_t rows : {16, 64, 256, 512})
    costs.Measured({.decode = 0, .prompt = rows}, seconds(rows));
  const double before = costs.Predict({.decode = 0, .prompt = 8000});
  for (int hit = 0; hit < 500; ++hit) costs.Measured({.decode = 0, .prompt = 1}, seconds(1));
  EXPECT_EQ(costs.Predict({.decode = 0, .prompt = 8000}), before);
  EXPECT_NEAR(costs.Predict({.decode = 0, .prompt = 1}), seconds(1), 1e-9);
  for (const std::size_t rows : {2, 10, 16, 40, 200, 512})
    EXPECT_NEAR(costs.Predict({.decode = 0, .prompt = rows}), seconds(rows), 1e-9) << rows;
  EXPECT_EQ(costs.PromptRows(0, 100, 512), 512u);  // the next prompt does not begin with few
  EXPECT_EQ(costs.PromptRows(0, seconds(200) + 1e-6, 512), 200u);
  EXPECT_EQ(costs.PromptRows(0, 0.001, 512), 1u);
}

TEST(RowCosts, FollowWhatIsMeasured) {
  RowCosts costs;
  for (int i = 0; i < 20; ++i) costs.Measured({.decode = 1, .prompt = 0}, 0.1);
  for (int i = 0; i < 20; ++i) costs.Measured({.decode = 1, .prompt = 0}, 0.3);
  EXPECT_NEAR(costs.Predict({.decode = 1, .prompt = 0}), 0.3, 0.001);
}

TEST(ShareRows, SharesEquallyAndPassesOnWhatIsNotNeeded) {
  EXPECT_EQ(ShareRows(Sizes{100, 100}, 60, 0), (Sizes{30, 30}));
  EXPECT_EQ(ShareRows(Sizes{5, 100, 100}, 65, 0), (Sizes{5, 30, 30}));
  EXPECT_EQ(ShareRows(Sizes{100, 100, 100}, 8, 1), (Sizes{2, 3, 3}));
  EXPECT_EQ(ShareRows(Sizes{9, 9, 9}, 2, 2), (Sizes{1, 0, 1}));
  EXPECT_EQ(ShareRows(Sizes{2, 3}, 100, 0), (Sizes{2, 3}));
  EXPECT_EQ(ShareRows(Sizes{}, 7, 0), Sizes{});
}

}  // namespace
}  // namespace hadal::engine
