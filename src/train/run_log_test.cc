#include "train/run_log.h"

#include <gtest/gtest.h>

#include "io/file.h"
#include "testing/temp_folder.h"
#include "train/loss_plot.h"

namespace hadal::train {
namespace {

LogLine Line(std::size_t step) {
  LogLine line{.step = step, .stage = step < 3 ? Stage::kDense : Stage::kSparse, .heldout = {}};
  line.lr = 1e-3;
  line.loss = 8.0 / static_cast<double>(step);
  if (step % 2 == 0) line.heldout = HeldoutScore{2.5, 1.25};
  return line;
}

TEST(RunLog, ContinuedBehindAStepItBecomesTheUndisturbedLog) {
  const testing::TempFolder folder;
  const std::string path = folder.File("log.csv"), whole_path = folder.File("whole.csv");
  auto whole = RunLog::Create(whole_path);
  ASSERT_TRUE(whole.ok());
  for (std::size_t step = 1; step <= 6; ++step) ASSERT_TRUE(whole->Append(Line(step)).ok());
  std::uint64_t kept = 0;
  {
    auto log = RunLog::Create(path);
    ASSERT_TRUE(log.ok());
    for (std::size_t step = 1; step <= 3; ++step) ASSERT_TRUE(log->Append(Line(step)).ok());
    const auto bytes = log->Sync();
    ASSERT_TRUE(bytes.ok());
    kept = *bytes;
    ASSERT_TRUE(log->Append(Line(4)).ok());  // after the state was saved
  }
  auto log = RunLog::Continue(path, kept);
  ASSERT_TRUE(log.ok()) << log.error().what;
  ASSERT_EQ(log->lines().size(), 3u);
  EXPECT_EQ(log->lines()[1].heldout->bits_per_byte, 1.25);
  for (std::size_t step = 4; step <= 6; ++step) ASSERT_TRUE(log->Append(Line(step)).ok());
  EXPECT_EQ(*io::ReadFile(path), *io::ReadFile(whole_path));
}

TEST(RunLog, DamageIsNamed) {
  const testing::TempFolder folder;
  const std::string path = folder.File("log.csv");
  ASSERT_TRUE(io::WriteFile(path, "step,loss\n1,2\n").ok());
  EXPECT_NE(RunLog::Continue(path, 5000).error().what.find("found 14 bytes"), std::string::npos);
  EXPECT_NE(RunLog::Continue(path, 10).error().what.find("log.csv:1:"), std::string::npos);
  EXPECT_EQ(RunLog::Continue(folder.File("none"), 0).error().code, Code::kNotFound);
}

TEST(LossPlot, AxisTicksAreRoundNumbersInside) {
  EXPECT_EQ(AxisTicks(0, 1000, 5), (std::vector<double>{0, 200, 400, 600, 800, 1000}));
  const std::vector<double> ticks = AxisTicks(1.3, 4.4, 6);
  ASSERT_EQ(ticks.size(), 3u + 0u);
  EXPECT_DOUBLE_EQ(ticks.front(), 2);
  EXPECT_EQ(AxisTicks(2, 2, 5).size(), 1u);
}

TEST(LossPlot, DrawsEveryPartAndSurvivesEmptyLogs) {
  std::vector<LogLine> lines;
  for (std::size_t step = 1; step <= 4000; ++step) lines.push_back(Line(step));
  const std::string svg = LossPlot(lines, "a < b");
  for (const char* part : {"<svg", "a &lt; b", "sparse attention", "nats per token",
                           "held out 2.500", "4,000", "</svg>"})
    EXPECT_NE(svg.find(part), std::string::npos) << part;
  EXPECT_LT(svg.size(), 200000u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_NE(LossPlot({}, "empty").find("</svg>"), std::string::npos);
  EXPECT_NE(LossPlot({Line(1)}, "one").find("</svg>"), std::string::npos);
}

}  // namespace
}  // namespace hadal::train
