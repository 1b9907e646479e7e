#include "train/train_config.h"

#include <gtest/gtest.h>

namespace hadal::train {
namespace {

constexpr char kMinimal[] =
    "out = \"run\"\nmodel.config = \"m/config.json\"\nmodel.tokenizer = \"m\"\n"
    "data.train = [\"t\"]\n";

Result<TrainConfig> Parse(const std::string& more) {
  return ParseTrainConfig(more + kMinimal, "x.toml", "dir");
}

std::string ErrorOf(const std::string& more) {
  const auto config = Parse(more);
  return config.ok() ? "no error" : config.error().what;
}

TEST(TrainConfig, DefaultsStayAndPathsAreRelativeToTheFile) {
  const auto config = Parse("");
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(config->lr.peak, TrainConfig().lr.peak);
  EXPECT_EQ(config->out, "dir/run");
  EXPECT_EQ(config->model.config, "dir/m/config.json");
  EXPECT_EQ(config->data.train, std::vector<std::string>{"dir/t"});
  const auto absolute =
      ParseTrainConfig(std::string(kMinimal) + "data.heldout = [\"/h\"]", "x", "dir");
  ASSERT_TRUE(absolute.ok());
  EXPECT_EQ(absolute->data.heldout, std::vector<std::string>{"/h"});
}

TEST(TrainConfig, MomentsAreStepsFractionsOrNever) {
  const auto config =
      Parse("steps = 200\nstages.warmup = 30\nstages.sparse = 0.301\nquantize.kv = \"never\"\n");
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(config->stages.warmup.Step(200), 30u);
  EXPECT_EQ(config->stages.sparse.Step(200), 61u);
  EXPECT_GT(config->quantize.kv.Step(200), std::size_t{1} << 60);
}

TEST(TrainConfig, AnUnknownKeyNamesTheNearestKnownOne) {
  EXPECT_EQ(ErrorOf("lr.peek = 0.1\n"),
            "x.toml:1: lr.peek: no such setting; the nearest is lr.peak");
  EXPECT_EQ(ErrorOf("sted = 1\n"), "x.toml:1: sted: no such setting; the nearest is seed");
  const auto section =
      ParseTrainConfig(std::string(kMinimal) + "[optimiser]\nclip = 1.0\n[more]\n", "x.toml", "");
  ASSERT_FALSE(section.ok());
  EXPECT_EQ(section.error().what.substr(0, 31), "x.toml:7: more: no such setting");
  // A misspelt required key is called unknown, not missing.
  EXPECT_EQ(ParseTrainConfig("ouy = \"x\"", "x.toml", "").error().what,
            "x.toml:1: ouy: no such setting; the nearest is out");
}

TEST(TrainConfig, WrongTypesAndRangesSayWhatWasExpected) {
  EXPECT_EQ(ErrorOf("steps = 0\n"),
            "x.toml:1: steps: found 0, expected a whole number from 1 to 1000000000");
  EXPECT_EQ(ErrorOf("lr.peak = \"fast\"\n"),
            "x.toml:1: lr.peak: found 'fast', expected a number from 0 to 1");
  EXPECT_EQ(ErrorOf("lr.peak = nan\n"),
            "x.toml:1: lr.peak: found nan, expected a number from 0 to 1");
  for (const std::string device : {"gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:01", "CUDA"})
    EXPECT_EQ(ErrorOf("device = \"" + device + "\"\n"),
              "x.toml: device: found '" + device + "', expected \"cpu\", \"cuda\" or \"cuda:N\"");
  for (const std::string device : {"cpu", "cuda", "cuda:0", "cuda:12"})
    EXPECT_EQ(ErrorOf("device = \"" + device + "\"\n"), "no error");
  EXPECT_NE(ErrorOf("stages.sparse = 1.5\n").find("expected a step"), std::string::npos);
  EXPECT_NE(ErrorOf("lr = 3\n").find("lr"), std::string::npos);
  EXPECT_NE(ErrorOf("steps = = 3\n").find("x.toml:1: not TOML"), std::string::npos);
  EXPECT_NE(ErrorOf("optimizer.muon_settling = 11\n").find("at most optimizer.muon_steps, 10"),
            std::string::npos);
  EXPECT_NE(ErrorOf("batch.rows = 5\n").find("multiple of batch.shards"), std::string::npos);
  EXPECT_NE(ErrorOf("stages.warmup = 0.9\n").find("not after stages.sparse"), std::string::npos);
}

TEST(TrainConfig, WhatIsSetStandsAboveTheFile) {
  const Settings set = {{"steps", "7"}, {"lr.peak", "2e-2"}, {"data.train", "[\"u\"]"}};
  const auto config =
      ParseTrainConfig(std::string("steps = 5\n") + kMinimal + "lr.end = 1e-5\n", "x", "dir", set);
  ASSERT_TRUE(config.ok()) << config.error().what;
  EXPECT_EQ(config->steps, 7u);
  EXPECT_EQ(config->lr.peak, 2e-2);
  EXPECT_EQ(config->lr.end, 1e-5);
  EXPECT_EQ(config->data.train, std::vector<std::string>{"dir/u"});
  EXPECT_FALSE(ParseTrainConfig(kMinimal, "x", "", {{"lr.peek", "1.0"}}).ok());
}

TEST(TrainConfig, RequiredKeysAreAskedFor) {
  const auto config = ParseTrainConfig("out = \"x\"", "x.toml", "");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().what, "x.toml: model.config: not given, expected a path");
}

TEST(TrainConfig, TheListedSettingsReadBackTheSame) {
  auto config = Parse(
      "steps = 77\nlr.peak = 0.0123\nlr.end = 1e-7\nquantize.kv = \"never\"\n"
      "quantize.experts = 5\ndata.separator = \"\\f\\\"x\\\\\\n\"\n");
  ASSERT_TRUE(config.ok()) << config.error().what;
  const std::string text = SettingsText(ListSettings(*config));
  const auto again = ParseTrainConfig(text, "again", "");
  ASSERT_TRUE(again.ok()) << again.error().what << "\n" << text;
  EXPECT_EQ(SettingsText(ListSettings(*again)), text);
  EXPECT_EQ(again->data.separator, "\f\"x\\\n");
  EXPECT_EQ(again->quantize.experts.kind, Moment::Kind::kStep);
}

TEST(TrainConfig, OnlyChangesOfWhatIsLearntAreReported) {
  const auto before = Parse("");
  const auto now = Parse("threads = 7\nlr.peak = 0.01\n");
  ASSERT_TRUE(before.ok() && now.ok());
  EXPECT_EQ(ChangedSettings(ListSettings(*before), ListSettings(*now)),
            std::vector<std::string>{"lr.peak was 0.001, is now 0.01"});
}

// Of a run by a program that did not have it: as if it had been at its default.
TEST(TrainConfig, ASettingThatIsNewIsNoChangeAtItsDefault) {
  Settings before = ListSettings(Parse("").value());
  std::erase_if(before, [](const auto& setting) { return setting.first == "loss.answers"; });
  EXPECT_TRUE(ChangedSettings(before, ListSettings(Parse("").value())).empty());
  EXPECT_EQ(ChangedSettings(before, ListSettings(Parse("loss.answers = 2.0\n").value())),
            std::vector<std::string>{"loss.answers was 1.0, is now 2.0"});
}

}  // namespace
}  // namespace hadal::train
