#include "train/train_state.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::train {
namespace {

const StateInfo kInfo{.step = 12,
                      .position = {.epoch = 3, .row = 4},
                      .log_bytes = 5,
                      .probe_bytes = 6,
                      .data_fingerprint = 0xFFFFFFFFFFFFFFFFu,
                      .settings = "lr.peak = 0.1\ndata.separator = \"a = b\"\n",
                      .model = "{\"vocab_size\":5}"};

TEST(TrainState, ComesBackAsItWas) {
  const testing::TempFolder folder;
  const std::string path = StatePath(folder.path(), 12);
  const torch::Tensor a = torch::randn({3, 4}), n = torch::arange(5);
  ASSERT_TRUE(SaveState(path, {{"a", a.t()}, {"n", n}}, kInfo).ok());
  const auto info = ReadStateInfo(path);
  ASSERT_TRUE(info.ok()) << info.error().what;
  EXPECT_EQ(info->step, 12u);
  EXPECT_EQ(info->position.epoch, 3u);
  EXPECT_EQ(info->position.row, 4u);
  EXPECT_EQ(info->log_bytes, 5u);
  EXPECT_EQ(info->probe_bytes, 6u);
  EXPECT_EQ(info->data_fingerprint, kInfo.data_fingerprint);
  EXPECT_EQ(SettingsText(ParseSettings(info->settings)), kInfo.settings);
  EXPECT_EQ(info->model, kInfo.model);
  torch::Tensor a2 = torch::zeros({4, 3}), n2 = torch::zeros({5}, torch::kInt64);
  ASSERT_TRUE(LoadState(path, {{"a", a2}, {"n", n2}}, true).ok());
  EXPECT_TRUE(torch::equal(a.t(), a2));
  EXPECT_TRUE(torch::equal(n, n2));
}

TEST(TrainState, WhatDoesNotFitIsNamed) {
  const testing::TempFolder folder;
  const std::string path = StatePath(folder.path(), 1);
  ASSERT_TRUE(SaveState(path, {{"a", torch::zeros({3})}, {"b", torch::zeros({1})}}, kInfo).ok());
  const auto wrong = LoadState(path, {{"a", torch::zeros({4})}}, false);
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().what.find("'a': found F32 [3], expected F32 [4]"), std::string::npos)
      << wrong.error().what;
  EXPECT_FALSE(LoadState(path, {{"c", torch::zeros({3})}}, false).ok());
  EXPECT_TRUE(LoadState(path, {{"a", torch::zeros({3})}}, false).ok());
  EXPECT_FALSE(LoadState(path, {{"a", torch::zeros({3})}}, true).ok());
  ASSERT_TRUE(io::WriteFile(path, "not a state").ok());
  EXPECT_FALSE(ReadStateInfo(path).ok());
}

TEST(TrainState, TheNewestTwoStay) {
  const testing::TempFolder folder;
  for (const std::size_t step : {5u, 100u, 20u})
    ASSERT_TRUE(SaveState(StatePath(folder.path(), step), {}, kInfo).ok());
  const std::string half =
      StatePath(folder.path(), 7) + ".0123456789abcdef.tmp";  // of a killed run
  ASSERT_TRUE(io::WriteFile(half, "half").ok());
  ASSERT_TRUE(io::WriteFile(folder.File("state-of-mind.tmp"), "not ours").ok());
  ASSERT_TRUE(io::WriteFile(folder.File("run_log.csv"), "log").ok());
  RemoveOldStates(folder.path(), 2);
  EXPECT_EQ(ListStates(folder.path()), (std::vector<std::string>{StatePath(folder.path(), 100),
                                                                 StatePath(folder.path(), 20)}));
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_TRUE(std::filesystem::exists(folder.File("state-of-mind.tmp")));
  EXPECT_TRUE(std::filesystem::exists(folder.File("run_log.csv")));
}

}  // namespace
}  // namespace hadal::train
