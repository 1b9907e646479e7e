// Sweeps from end to end: every experiment of the repository in a form that takes seconds. What is
// deterministic is checked, never who wins.
#include "train/sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <thread>

#include "io/file.h"
#include "testing/program.h"
#include "testing/temp_folder.h"
#include "train/sweep_results.h"
#include "train/train_state.h"

namespace hadal::train {
namespace {

namespace fs = std::filesystem;
using testing::TempFolder;

std::string Experiments() {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  return source == nullptr ? "" : std::string(source) + "/experiments";
}

std::string Text() {
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += "The fox of number " + std::to_string(i * 37 % 101) + " met a sailor who sold a lamp. ";
    if (i % 20 == 19) text += "\n\f\n";
  }
  return text;
}

std::string Replaced(const std::string& text, const std::string& pattern, const std::string& by) {
  const std::regex regex(pattern);
  EXPECT_TRUE(std::regex_search(text, regex)) << pattern;
  return std::regex_replace(text, regex, by);
}

// A copy of an experiment's sweep.toml whose quick form is a few steps on a little text.
void WriteTiny(const std::string& name, const TempFolder& folder) {
  const std::string source = Experiments() + "/" + name;
  auto plan = io::ReadFile(source + "/sweep.toml");
  ASSERT_TRUE(plan.ok()) << plan.error().what;
  const std::string text = folder.File("text.txt");
  std::string tiny = Replaced(*plan, "\ntrain = \".*\"", "\ntrain = \"" + source + "/train.toml\"");
  tiny = Replaced(tiny, "\npeaks = .*", "\npeaks = [1e-2, 3e-2]");
  tiny = Replaced(tiny, "\nseeds = .*", "\nseeds = [1, 2]");
  tiny = Replaced(tiny, "\\[quick\\][^\\[]*",
                  "[quick]\nsteps = 4\nlr.warmup_steps = 1\nbatch.rows = 1\nbatch.tokens = 96\n"
                  "eval.every = 2\neval.tokens = 96\ncheckpoint.every = 1\n"
                  "data.heldout = []\ndata.heldout_fraction = 0.1\n"
                  "data.train = [\"" +
                      text + "\"]\n\n");
  ASSERT_TRUE(io::WriteFile(folder.File("sweep.toml"), tiny).ok());
  ASSERT_TRUE(io::WriteFile(text, Text()).ok());
}

class Swept : public testing::Program {
 public:
  Swept(const TempFolder& folder, const std::string& out)
      : Program("hadal-train", {"--sweep", folder.path(), "--quick", "--quiet", "--out", out}) {}
};

// Kills a sweep again and again, the later the longer it got, until it ends.
void RunKilled(const TempFolder& folder, const std::string& out) {
  int kills = 0;
  for (int milliseconds = 900;; milliseconds += 700) {
    Swept sweep(folder, out);
    for (int waited = 0; waited < milliseconds && !sweep.HasEnded(); waited += 20)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!sweep.HasEnded()) sweep.Signal(SIGKILL);
    // It may have ended by itself between the last look and the signal.
    const int ended = sweep.Wait();
    if (ended == 0) {
      ASSERT_GT(kills, 0);
      return;
    }
    ASSERT_EQ(ended, -1 - SIGKILL) << sweep.errors();
    ++kills;
  }
}

// As if a run that is done had been of another shape.
void ExpectShapeIsCompared(const TempFolder& folder, const std::string& out) {
  const fs::path run = fs::directory_iterator(out + "/quick/runs")->path();
  const std::string path = (run / "outcome.toml").string();
  const auto outcome = io::ReadFile(path);
  ASSERT_TRUE(outcome.ok()) << outcome.error().what;
  ASSERT_TRUE(io::WriteFile(path, Replaced(*outcome, "\"hidden_size\":", "$&1")).ok());
  Swept sweep(folder, out);
  EXPECT_EQ(sweep.Wait(), 1);
  EXPECT_NE(sweep.errors().find(run.string() + ": was run with another model than "),
            std::string::npos)
      << sweep.errors();
}

class Experiment : public ::testing::TestWithParam<std::string> {};

TEST_P(Experiment, KilledAgainAndAgainItWritesTheSameResults) {
  if (Experiments().empty()) GTEST_SKIP() << "HADAL_SOURCE_DIR is not set";
  const TempFolder folder;
  WriteTiny(GetParam(), folder);
  const std::string whole = folder.File("whole"), killed = folder.File("killed");
  Swept sweep(folder, whole);
  ASSERT_EQ(sweep.Wait(), 0) << sweep.errors();
  // A run that was killed right after its first file was there.
  const fs::path one_run = fs::directory_iterator(whole + "/quick/runs")->path();
  const fs::path begun = killed / fs::relative(one_run, whole);
  fs::create_directories(begun);
  ASSERT_TRUE(io::WriteFile((begun / "run_log.csv").string(), "").ok());
  RunKilled(folder, killed);
  for (const char* name : {"runs.csv", "curves.csv", "probes.csv"}) {
    const auto one = io::ReadFile(whole + "/quick/results/" + name),
               other = io::ReadFile(killed + "/quick/results/" + name);
    ASSERT_TRUE(one.ok() && other.ok()) << name;
    EXPECT_EQ(*one, *other) << name;
    // Optimizers are compared without probes: a header alone.
    const bool empty = name == std::string("probes.csv") && GetParam() == "optimizer";
    const auto lines = std::count(one->begin(), one->end(), '\n');
    EXPECT_TRUE(empty ? lines == 1 : lines > 5) << name << " " << lines;
    // Of the rate that was not chosen too.
    for (const char* peak : {",0.01,", ",0.03,"})
      EXPECT_TRUE(empty || one->find(peak) != std::string::npos) << name << " " << peak;
  }
  for (const auto& run : fs::directory_iterator(whole + "/quick/runs"))
    EXPECT_TRUE(ListStates(run.path()).empty()) << run.path();
  ExpectShapeIsCompared(folder, whole);
}

TEST_P(Experiment, ComparesModelsOfOneSize) {
  if (Experiments().empty()) GTEST_SKIP() << "HADAL_SOURCE_DIR is not set";
  auto plan = ReadSweepPlan(Experiments() + "/" + GetParam());
  ASSERT_TRUE(plan.ok()) << plan.error().what;
  EXPECT_LE(plan->parameters_within, 0.01);
  const auto counts = CountParameters(*plan);
  ASSERT_TRUE(counts.ok()) << counts.error().what;
  for (const std::int64_t count : *counts) EXPECT_LE(count, 1'000'000);
  EXPECT_GE(plan->seeds.size(), 3u);
  EXPECT_EQ(plan->peaks.size(), 3u);
  plan->parameters_within = 0;
  const auto plain_groups = CountParameters(*plan);
  if (GetParam() == "residuals" || GetParam() == "attention")
    EXPECT_NE(plain_groups.error().what.find("to be within 0"), std::string::npos);
  else
    EXPECT_TRUE(plain_groups.ok());
}

INSTANTIATE_TEST_SUITE_P(All, Experiment,
                         ::testing::Values("optimizer", "attention", "fp4", "residuals"),
                         [](const auto& test) { return test.param; });

std::string ErrorOf(const std::string& sweep) {
  const TempFolder folder;
  EXPECT_TRUE(io::WriteFile(folder.File("sweep.toml"), sweep).ok());
  const auto plan = ReadSweepPlan(folder.path());
  if (plan.ok()) return "no error";
  const std::string& what = plan.error().what;
  return what.substr(what.find("sweep.toml"));
}

constexpr char kPlan[] =
    "train = \"t.toml\"\nout = \"o\"\npeaks = [1e-2]\nseeds = [1]\n"
    "[[variant]]\nname = \"a\"\n";

TEST(SweepPlan, WhatIsWrongIsNamed) {
  EXPECT_EQ(ErrorOf(std::string(kPlan) + "[[variant]]\nname = \"b\"\nset.loss.mtp = 0.0\n"),
            "no error");
  EXPECT_EQ(ErrorOf(kPlan), "sweep.toml: expected at least two [[variant]]");
  EXPECT_EQ(ErrorOf(std::string(kPlan) + "[[variant]]\nname = \"a\"\n"),
            "sweep.toml: variant a: there are two of this name");
  EXPECT_EQ(ErrorOf(std::string(kPlan) + "[[variant]]\nname = \"b\"\nset.batch.rows = 2\n"),
            "sweep.toml:7: variant b: sets batch.rows, which all variants share");
  EXPECT_EQ(ErrorOf(std::string(kPlan) + "[[variant]]\nnam = \"b\"\n"),
            "sweep.toml:8: nam: no such setting; the nearest is name");
  EXPECT_EQ(ErrorOf(std::string(kPlan) + "[[variant]]\nname = \"b/c\"\n"),
            "sweep.toml:7: variant: found name 'b/c', group '', expected small letters, digits "
            "and -");
  EXPECT_EQ(ErrorOf(std::string("sees = [1]\n") + kPlan + "[[variant]]\nname = \"b\"\n"),
            "sweep.toml:1: sees: no such setting; the nearest is seeds");
  const std::string two = "[[variant]]\nname = \"a\"\n[[variant]]\nname = \"b\"\n",
                    begin = "train = \"t.toml\"\nout = \"o\"\npeaks = [1e-2]\nseeds = ";
  for (const char* seeds : {"[1.5]", "[2, 1, 2]", "[]", "7", "[-1]"})
    EXPECT_TRUE(ErrorOf(begin + seeds + "\n" + two).starts_with("sweep.toml:4: seeds: found "))
        << seeds;
  EXPECT_EQ(ErrorOf(begin + "[9007199254740993, 2]\n" + two),
            "sweep.toml:4: seeds: found 9007199254740993, expected a list of whole numbers from 0 "
            "to 1000000000000000, each once");
  EXPECT_EQ(
      ErrorOf(std::string(kPlan) + "[[variant]]\nname = \"b\"\nset.model.tokenizer = \"t\"\n"),
      "sweep.toml:7: variant b: sets model.tokenizer, which all variants share");
  EXPECT_EQ(ErrorOf("peaks = 3\n"), "sweep.toml: expected at least two [[variant]]");
}

TEST(SweepPlan, ThePeakOfTheLowestLossIsChosenOnceAllAreThere) {
  SweepPlan plan;
  plan.peaks = {1e-3, 1e-2, 1e-1};
  plan.seeds = {4, 5};
  const auto run = [](double peak, std::uint64_t seed, double nats) {
    FinishedRun finished;
    finished.run = {0, peak, seed};
    finished.heldout_nats = nats;
    return finished;
  };
  std::vector<FinishedRun> runs = {run(1e-3, 4, 2.5), run(1e-2, 4, 2.25)};
  EXPECT_FALSE(ChosenPeak(plan, runs, 0).has_value());
  runs.push_back(run(1e-1, 4, std::numeric_limits<double>::infinity()));
  runs.push_back(run(1e-3, 5, 1.0));  // another seed's
  EXPECT_EQ(ChosenPeak(plan, runs, 0), 1e-2);
  EXPECT_FALSE(ChosenPeak(plan, runs, 1).has_value());
}

}  // namespace
}  // namespace hadal::train
