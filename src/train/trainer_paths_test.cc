// Runs in this process by every path: what they learn, and that a state of one goes on by another.
#include <gtest/gtest.h>

#include <cmath>

#include "train/device.h"
#include "train/paths_test.h"
#include "train/run_log.h"
#include "train/tiny_run_test.h"
#include "train/trainer.h"

namespace hadal::train {
namespace {

class TrainerPaths : public EveryPath {
 protected:
  TrainerPaths() { WriteInputs(folder_); }

  TrainConfig Config(Path path, const std::string& out) const {
    TrainConfig config = ReadTrainConfig(folder_.File("train.toml")).value();
    config.out = folder_.File(out);
    config.precision = "f32";
    config.device = DeviceOf(path).str();
    return config;
  }
  // To the end, or with `stop` one step.
  static RunSummary Train(const TrainConfig& config, Path path, bool stop = false) {
    const OnPath on(path);
    const std::atomic<bool> stopping = stop;
    const auto run = RunTraining(config, {.resume = true, .quiet = true}, stopping);
    EXPECT_TRUE(run.ok()) << run.error().what;
    return run.ok() ? *run : RunSummary();
  }
  static std::vector<LogLine> Log(const TrainConfig& config) {
    const std::string path = config.out + "/run_log.csv";
    return ParseRunLog(io::ReadFile(path).value(), path).value();
  }

  testing::TempFolder folder_;
};

// Float32 sums in another order move what is learnt, by little at first.
TEST_P(TrainerPaths, LearnWhatTheKernelsLearn) {
  const TrainConfig kernels = Config(Path::kKernels, "kernels"), config = Config(GetParam(), "run");
  Train(kernels, Path::kKernels);
  const RunSummary run = Train(config, GetParam());
  EXPECT_TRUE(run.finished);
  EXPECT_FALSE(run.model_directory.empty());
  const std::vector<LogLine> want = Log(kernels), got = Log(config);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double bound = i < 4 ? 1e-4 : 2e-2;
    EXPECT_NEAR(got[i].loss, want[i].loss, bound * want[i].loss) << i;
    EXPECT_NEAR(got[i].gradient_norm, want[i].gradient_norm,
                (i < 4 ? 1e-3 : 0.2) * want[i].gradient_norm)
        << i;
  }
}

TEST_P(TrainerPaths, AStateGoesOnByThisPathAndByTheKernels) {
  const TrainConfig config = Config(GetParam(), "run");
  EXPECT_EQ(Train(config, GetParam(), /*stop=*/true).step, 1u);
  EXPECT_EQ(Train(config, GetParam(), /*stop=*/true).step, 2u);
  TrainConfig by_kernels = config;
  by_kernels.device = "cpu";
  EXPECT_EQ(Train(by_kernels, Path::kKernels, /*stop=*/true).step, 3u);
  const RunSummary run = Train(config, GetParam());
  EXPECT_TRUE(run.finished);
  EXPECT_EQ(Log(config).size(), config.steps);
}

INSTANTIATE_TEST_SUITE_P(Paths, TrainerPaths, kOtherPaths, PathName);

TEST(Device, WhatIsNotThereIsOneErrorThatNamesTheSetting) {
  EXPECT_TRUE(DeviceOf("cpu").value().is_cpu());
  const std::string far = "cuda:99";
  const auto none = DeviceOf(far);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kUnsupported);
  EXPECT_EQ(none.error().what.find("device: found cuda:99, "), 0u) << none.error().what;
  if (torch::cuda::is_available())
    EXPECT_TRUE(DeviceOf("cuda").value().is_cuda());
  else
    EXPECT_NE(DeviceOf("cuda").error().what.find("; cpu works"), std::string::npos);
}

}  // namespace
}  // namespace hadal::train
