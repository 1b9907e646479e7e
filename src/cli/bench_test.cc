#include <gtest/gtest.h>

#include "cache/small_shape_test.h"
#include "cli/call_test.h"
#include "convert/synth.h"
#include "io/file.h"
#include "testing/source_file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

void WriteModel(const std::string& folder) {
  arch::Config c = cache::SmallShape();
  c.vocab_size = 300;
  c.max_position_embeddings = 10000;
  Threads threads(2);
  HADAL_CHECK(convert::WriteRandomCheckpoint(arch::ChangeShape(c, {.layers = 4}).value(), folder,
                                             {.write = {.quiet = true}}, threads)
                  .ok());
}

TEST(Bench, PrintsJsonAndDrawsWhatItMeasured) {
  const testing::TempFolder folder;
  const std::string svg = folder.File("plot.svg");
  WriteModel(folder.File("m"));
  const Outcome done = Call({"bench", "-m", folder.File("m"), "--quick", "--depth", "0,1K",
                             "--prefill", "20", "--json", "--svg", svg, "--threads", "1"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  for (const char* key : {"machine", "prefill", "decode", "memory"})
    EXPECT_NE(json.Find(key), nullptr) << key;
  const Json& prefill = (*json.Find("prefill")->AsArray())[0];
  for (const char* key : {"tokens", "tokens_per_s", "share_of_peak"})
    EXPECT_NE(prefill.Find(key), nullptr) << key;
  const Json& decode = (*json.Find("decode")->AsArray())[1];
  EXPECT_EQ(*decode.Find("depth")->AsInt(), 1024);
  for (const char* key : {"threads", "batch", "tokens_per_s", "share_of_bandwidth", "times_first"})
    EXPECT_NE(decode.Find(key), nullptr) << key;
  EXPECT_NE(json.Find("memory")->Find("rss"), nullptr);
  const std::string plot = io::ReadFile(svg).value();
  EXPECT_EQ(plot.find("<svg"), 0u);
  EXPECT_NE(plot.find(">1K<"), std::string::npos);
}

// Before anything is measured.
TEST(Bench, APlotReplacesAPlotAlone) {
  const testing::TempFolder folder;
  const std::string path = folder.File("notes.txt");
  ASSERT_TRUE(io::WriteFile(path, "notes").ok());
  WriteModel(folder.File("m"));
  const std::vector<std::string> bench = {"bench",     "-m", folder.File("m"), "--quick",
                                          "--depth",   "0",  "--prefill",      "20",
                                          "--threads", "1"};
  const auto to = [&](std::vector<std::string> command, const std::string& svg) {
    command.insert(command.end(), {"--svg", svg});
    return command;
  };
  const std::vector<std::string> needle = {"eval", "needle", "-m", testing::EmbeddedFolder(),
                                           "--quick"};
  for (const auto& command : {bench, needle}) {
    const Outcome refused = Call(to(command, path));
    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_EQ(refused.errors, "hadal: " + path +
                                  ": found a file that is not a plot that hadal wrote, expected "
                                  "nothing or a plot that hadal wrote; --force replaces it\n");
    const Outcome nowhere = Call(to(command, folder.File("absent/x.svg")));
    EXPECT_EQ(nowhere.code, 1);
    EXPECT_EQ(nowhere.out, "");
    EXPECT_EQ(nowhere.errors.find("hadal: " + folder.File("absent")), 0u) << nowhere.errors;
  }
  EXPECT_EQ(io::ReadFile(path).value(), "notes");
  std::vector<std::string> forced = to(bench, path);
  forced.emplace_back("--force");
  EXPECT_EQ(Call(forced).code, 0);
  EXPECT_EQ(Call(to(bench, path)).code, 0);  // its own
}

// Without a tokenizer: what rows cost, and no texts.
TEST(Bench, SaysWhatGuessesWouldHaveToGain) {
  const testing::TempFolder folder;
  WriteModel(folder.File("m"));
  const Outcome done = Call(
      {"bench", "--speculate", "-m", folder.File("m"), "--quick", "--depth", "1K,9996", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  ASSERT_EQ(json.Find("rows")->AsArray()->size(), 2u);
  const Json& rows = (*json.Find("rows")->AsArray())[0];
  EXPECT_EQ(rows.Find("seconds_by_rows")->AsArray()->size(), 4u);
  for (const Json& seconds : *rows.Find("seconds_by_rows")->AsArray())
    EXPECT_GT(*seconds.AsNumber(), 0);
  EXPECT_TRUE(json.Find("texts")->AsArray()->empty());
  EXPECT_EQ(
      Call({"bench", "--speculate", "-m", folder.File("m"), "--quick", "--depth", "9997"}).code, 1);
  EXPECT_EQ(Call({"bench", "--speculate", "--batch", "2"}).code, 2);
}

TEST(Bench, TextsWithGuessesAreComparedWithTextsWithout) {
  const Outcome done = Call({"bench", "--speculate", "-m", testing::EmbeddedFolder(), "--quick",
                             "--depth", "64", "--threads", "1"});
  ASSERT_EQ(done.code, 0) << done.errors;
  for (const char* word : {"break-even", "prose", "chat", "copied", "ngram", "mtp", "auto"})
    EXPECT_NE(done.out.find(word), std::string::npos) << done.out;
}

TEST(Bench, ARandomStateIsKeptAndNotRead) {
  const testing::TempFolder folder;
  WriteModel(folder.File("m"));
  const Outcome done = Call({"bench", "-m", folder.File("m"), "--quick", "--depth", "0",
                             "--prefill", "20", "--prefix-random", "4K", "--prefix-dir",
                             folder.File("kept"), "--repeat", "1", "--json"});
  ASSERT_EQ(done.code, 0) << done.errors;
  const Json json = ParseJson(done.out).value();
  const Json& prefix = json.Find("prefix")->AsArray()->at(0);
  EXPECT_EQ(*prefix.Find("tokens")->AsInt(), 4096);
  EXPECT_EQ(*prefix.Find("read_seconds")->AsNumber(), 0);
  for (const char* key : {"kept_seconds", "state_bytes", "disk_bytes", "disk_seconds"})
    EXPECT_GT(*prefix.Find(key)->AsNumber(), 0) << key;
  const Outcome nothing = Call({"bench", "-m", folder.File("m"), "--prefix-dir", "kept"});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_NE(nothing.errors.find("--prefix-random"), std::string::npos) << nothing.errors;
}

TEST(Bench, RefusesFormsThatItDoesNotHave) {
  EXPECT_EQ(Call({"bench", "--fill", "zeros"}).code, 2);
  EXPECT_EQ(Call({"bench", "--format", "xml"}).code, 2);
}

}  // namespace
}  // namespace hadal::cli
