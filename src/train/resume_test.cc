// The program hadal-train from end to end: a run that is killed again and again ends as one that
// was left alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/random.h"
#include "io/checkpoint.h"
#include "io/file.h"
#include "testing/program.h"
#include "testing/temp_folder.h"
#include "train/tiny_run_test.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

class Trainer : public testing::Program {
 public:
  Trainer(const testing::TempFolder& folder, const Words& arguments, testing::Limits limits = {})
      : Program("hadal-train", All(folder, arguments), limits) {}

 private:
  static Words All(const testing::TempFolder& folder, const Words& arguments) {
    Words all = {folder.File("train.toml"), "--quiet"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
};

std::size_t LogLines(const std::string& path) {
  const auto text = io::ReadFile(path);
  return text.ok() ? static_cast<std::size_t>(std::count(text->begin(), text->end(), '\n')) : 0;
}

// Sends `signal` once the log has `lines` lines, a little later, so that it can fall anywhere in a
// step.
void SignalAfter(const Trainer& trainer, int signal, const std::string& log, std::size_t lines,
                 Random* random) {
  while (LogLines(log) < lines && !trainer.HasEnded())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::this_thread::sleep_for(std::chrono::milliseconds(random->Below(120)));
  trainer.Signal(signal);
}

TEST(Resume, ARunKilledAnywhereEndsAsTheUndisturbedOne) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  const std::string whole = folder.File("whole"), killed = folder.File("killed");
  const auto end = [&](const Words& arguments) {
    Trainer trainer(folder, arguments);
    ASSERT_EQ(trainer.Wait(), 0) << trainer.errors();
  };
  end({"--out", whole});

  Random random(11);
  const std::string log = killed + "/run_log.csv";
  for (const std::size_t lines : {3u, 9u, 15u, 21u}) {
    Trainer trainer(folder, {"--out", killed, "--resume"});
    SignalAfter(trainer, SIGKILL, log, lines, &random);
    EXPECT_EQ(trainer.Wait(), -1 - SIGKILL) << trainer.errors();
  }
  end({"--out", killed, "--resume"});

  EXPECT_EQ(LogLines(killed + "/run_speed.csv"), 25u) << "a line of each step, once";
  for (const char* file : {"/run_log.csv", "/model/model.safetensors", "/model/config.json",
                           "/model/tokenizer.json"}) {
    const auto one = io::ReadFile(whole + file), other = io::ReadFile(killed + file);
    ASSERT_TRUE(one.ok() && other.ok()) << file;
    EXPECT_TRUE(*one == *other) << file;
  }
  EXPECT_EQ(LogLines(whole + "/run_log.csv"), 25u);
  EXPECT_TRUE(fs::exists(whole + "/loss_plot.svg"));
  const auto model = io::Checkpoint::Open(whole + "/model");
  EXPECT_TRUE(model.ok()) << model.error().what;
}

TEST(Resume, CtrlCSavesAndSaysHowToGoOnAndAStateCanBeExported) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  Random random(3);
  Trainer stopped(folder, {});
  SignalAfter(stopped, SIGINT, folder.File("run/run_log.csv"), 3, &random);
  EXPECT_EQ(stopped.Wait(), 1);
  EXPECT_NE(stopped.errors().find("continue with: hadal-train"), std::string::npos)
      << stopped.errors();
  Trainer exports(folder, {"--export", folder.File("exported")});
  EXPECT_EQ(exports.Wait(), 0) << exports.errors();
  EXPECT_TRUE(io::Checkpoint::Open(folder.File("exported")).ok());
  Trainer again(folder, {"--export", folder.File("exported")});
  EXPECT_EQ(again.Wait(), 1);
  EXPECT_EQ(again.errors(), "hadal-train: " + folder.File("exported") +
                                ": found a folder with files in it, expected none or an empty one; "
                                "--force replaces a model\n");
  Trainer forced(folder, {"--export", folder.File("exported"), "--force"});
  EXPECT_EQ(forced.Wait(), 0) << forced.errors();
  ASSERT_TRUE(io::WriteFile(folder.File("exported/letter.txt"), "mine").ok());
  Trainer foreign(folder, {"--export", folder.File("exported"), "--force"});
  EXPECT_EQ(foreign.Wait(), 1);
  EXPECT_EQ(io::ReadFile(folder.File("exported/letter.txt")).value(), "mine");

  Trainer over(folder, {});  // not over a run that is there
  EXPECT_EQ(over.Wait(), 1);
  EXPECT_NE(over.errors().find("--resume"), std::string::npos) << over.errors();
  Trainer longer(folder, {"--resume", "--steps", "40"});
  EXPECT_EQ(longer.Wait(), 1);
  EXPECT_NE(longer.errors().find("steps was 24, is now 40"), std::string::npos) << longer.errors();
  Trainer bogus(folder, {"--bogus\x1B[2J"});
  EXPECT_EQ(bogus.Wait(), 2);
  EXPECT_NE(bogus.errors().find("--bogus\\x1B[2J"), std::string::npos) << bogus.errors();
}

TEST(Resume, ARunSizedToATimeEndsAboutThen) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  Trainer trainer(folder, {"--minutes", "0.05"});
  EXPECT_EQ(trainer.Wait(), 0) << trainer.errors();
  const std::size_t steps = LogLines(folder.File("run/run_log.csv")) - 1;
  EXPECT_GT(steps, 3u) << "a second each would be slow";
  for (const std::string& name : folder.Names())
    EXPECT_FALSE(name.ends_with(".tmp")) << name << ": where the speed was measured";
  Trainer longer(folder, {"--minutes", "0.05", "--resume"});
  EXPECT_EQ(longer.Wait(), 2);
}

TEST(Resume, SettingsAreThoseThatTheRunGoesOnWith) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  Trainer first(folder, {"--steps", "2"});
  ASSERT_EQ(first.Wait(), 0) << first.errors();
  Trainer longer(folder, {"--steps", "3", "--resume", "--changed"});
  ASSERT_EQ(longer.Wait(), 0) << longer.errors();
  EXPECT_NE(io::ReadFile(folder.File("run/settings.toml")).value().find("steps = 3\n"),
            std::string::npos);
}

TEST(Resume, ABatchBeyondMemoryIsRefusedBeforeAnythingIsWritten) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  const std::string path = folder.File("train.toml"), batch = "rows = 4, tokens = 64";
  std::string text = io::ReadFile(path).value();
  ASSERT_NE(text.find(batch), std::string::npos);
  text.replace(text.find(batch), batch.size(), "rows = 65536, tokens = 1048576");
  ASSERT_TRUE(io::WriteFile(path, text).ok());
  Trainer trainer(folder, {});
  EXPECT_EQ(trainer.Wait(), 1);
  EXPECT_NE(trainer.errors().find("for 65,536 x 1,048,576 tokens, found "), std::string::npos)
      << trainer.errors();
  EXPECT_FALSE(fs::exists(folder.File("run")));
}

TEST(Resume, WhatIsOnlyForAnotherFlagNeedsIt) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  for (const Words& arguments :
       {Words{"--changed"}, Words{"--force"}, Words{"--export", ""},
        Words{"--export", "x", "--steps", "3"}, Words{"--export", "x", "--resume"}}) {
    Trainer trainer(folder, arguments);
    EXPECT_EQ(trainer.Wait(), 2) << arguments[0];
  }
  EXPECT_FALSE(fs::exists(folder.File("run")));
}

TEST(Resume, ANewRunReplacesNoFilesOfOthers) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  const std::string out = folder.File("notes"), file = out + "/settings.toml";
  fs::create_directory(out);
  ASSERT_TRUE(io::WriteFile(file, "mine = true\n").ok());
  Trainer trainer(folder, {"--out", out});
  EXPECT_EQ(trainer.Wait(), 1);
  EXPECT_EQ(trainer.errors(), "hadal-train: " + file +
                                  ": is there already, expected a folder without a run; go on with "
                                  "--resume, or name another with --out\n");
  EXPECT_EQ(io::ReadFile(file).value(), "mine = true\n");
  EXPECT_FALSE(fs::exists(out + "/run_log.csv"));
}

// A limit on file sizes is met by the first state, and by an exported model.
TEST(Resume, AFullDiskIsOneLineAndLeavesNothing) {
  const testing::TempFolder folder;
  WriteInputs(folder);
  Trainer full(folder, {}, {.file_bytes = 100'000});
  EXPECT_EQ(full.Wait(), 1);
  EXPECT_EQ(full.errors().find("hadal-train: "), 0u) << full.errors();
  EXPECT_NE(full.errors().find("state-00000003.safetensors: cannot write it: File too large\n"),
            std::string::npos)
      << full.errors();
  EXPECT_EQ(std::ranges::count(full.errors(), '\n'), 1) << full.errors();
  for (const auto& entry : fs::directory_iterator(folder.File("run")))
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();

  Trainer whole(folder, {"--resume"});
  ASSERT_EQ(whole.Wait(), 0) << whole.errors();
  const std::string exported = folder.File("exported");
  Trainer exports(folder, {"--export", exported}, {.file_bytes = 100'000});
  EXPECT_EQ(exports.Wait(), 1);
  EXPECT_EQ(exports.errors(),
            "hadal-train: " + exported + "/model.safetensors: cannot write it: File too large\n");
  for (const std::string& name : folder.Names())
    EXPECT_EQ(name.find("exported"), std::string::npos) << name;
}

}  // namespace
}  // namespace hadal::train
