#include "measure/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cache/small_shape_test.h"
#include "cli/call_test.h"
#include "cli/synth.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

class BenchTest : public ::testing::Test {
 protected:
  BenchTest() {
    arch::Config c = cache::SmallShape();
    c.vocab_size = 300;
    c.max_position_embeddings = 10000;
    HADAL_CHECK(io::WriteFile(folder_.File("c.json"), arch::ConfigToJson(c, true).Dump()).ok());
    std::ostringstream out;
    HADAL_CHECK(Synth({.out = Model(),
                       .shape = folder_.File("c.json"),
                       .changes = {.layers = 4},
                       .quiet = true},
                      out)
                    .ok());
  }
  std::string Model() const { return folder_.File("m"); }
  measure::BenchOptions Small() const {
    return {.model = Model(),
            .prefill = {40},
            .depth = {0, 1000},
            .threads = {1, 2},
            .batch = {1, 3},
            .chunk_tokens = 16,
            .sample_seconds = 0.001,
            .quick = true};
  }
  static Result<measure::BenchReport> Run(const measure::BenchOptions& options) {
    return measure::RunBench(options, [](const std::string&) {});
  }
  testing::TempFolder folder_;
};

TEST_F(BenchTest, MeasuresEverySetting) {
  for (const bool random_fill : {true, false}) {
    measure::BenchOptions options = Small();
    options.random_fill = random_fill;
    options.prefill_depth = {0, 300};
    const measure::BenchReport report = Run(options).value();
    EXPECT_EQ(report.prefill.size(), 2u * 2u);
    ASSERT_EQ(report.decode.size(), 2u * 2u * 2u);
    for (const measure::DecodeFigure& f : report.decode) {
      EXPECT_GT(f.tokens_per_s.min, 0);
      EXPECT_LE(f.tokens_per_s.median, f.tokens_per_s.max);
      EXPECT_GT(f.share_of_bandwidth, 0);
      EXPECT_GT(f.flops_per_token, 0);
      EXPECT_GT(f.times_first, 0);
    }
    EXPECT_EQ(report.decode[0].times_first, 1);
    EXPECT_NE(report.decode[3].times_first, 1);  // three sequences at another depth
    EXPECT_EQ(report.prefill[0].times_first, 1);
    EXPECT_NE(report.prefill[3].times_first, 1);
    // A batch shares weights, so a token of three costs fewer bytes than a token alone.
    EXPECT_LT(report.decode[1].bytes_per_token, report.decode[0].bytes_per_token);
    // Deeper reads more, and holds more: three times as much, unless pages are shared.
    EXPECT_GT(report.decode[2].bytes_per_token, report.decode[0].bytes_per_token);
    EXPECT_GT(report.decode[2].state_bytes, report.decode[0].state_bytes);
    if (random_fill) {
      EXPECT_GE(report.decode[3].state_bytes, 3 * report.decode[2].state_bytes * 9 / 10);
    } else {
      EXPECT_LT(report.decode[3].state_bytes, 3 * report.decode[2].state_bytes);
    }
    EXPECT_EQ(report.memory_depth, 1000u);
    EXPECT_EQ(report.memory_batch, 3u);
    EXPECT_TRUE(report.notes.empty());
    EXPECT_GT(report.first_token_seconds, 0);
  }
}

TEST_F(BenchTest, TheDefaultDepthsEndWithTheContext) {
  measure::BenchOptions options = Small();
  options.depth = {};
  options.threads = options.batch = {1};
  const measure::BenchReport report = Run(options).value();
  ASSERT_EQ(report.decode.size(), 2u);
  EXPECT_EQ(report.decode[0].depth, 0u);
  EXPECT_EQ(report.decode[1].depth, 4096u);
  EXPECT_EQ(report.costs.back().depth, 4096u);
  EXPECT_EQ(measure::kBenchDepths[5], 1u << 20);
}

// The last depth there is: what is measured ends with the model's context.
TEST_F(BenchTest, StaysWithinTheContext) {
  measure::BenchOptions options = Small();
  options.depth = options.prefill_depth = {10000};
  options.threads = options.batch = {1};
  const measure::BenchReport report = Run(options).value();
  ASSERT_EQ(report.prefill.size(), 1u);
  EXPECT_EQ(report.prefill[0].depth, 10000u);
  ASSERT_EQ(report.decode.size(), 1u);
  ASSERT_EQ(report.notes.size(), 2u);
  EXPECT_EQ(report.notes[0], "depth 10,000: measured from 9,960 on, to end within the context");
}

TEST_F(BenchTest, LeavesOutWhatDoesNotFit) {
  measure::BenchOptions options = Small();
  options.ram_bytes = 1000;
  const measure::BenchReport report = Run(options).value();
  EXPECT_TRUE(report.prefill.empty());
  EXPECT_TRUE(report.decode.empty());
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("prefill at depth 0: left out: needs "), std::string::npos);
  EXPECT_NE(report.notes[0].find("has 1.00 kB"), std::string::npos);
}

// Also what the machine is measured with counts against a budget.
TEST_F(BenchTest, KeepsToTheBudget) {
  measure::BenchOptions options = Small();
  options.threads = options.batch = {1};
  options.ram_bytes = 160'000'000;
  const measure::BenchReport report = Run(options).value();
  EXPECT_EQ(report.decode.size(), 2u);
  EXPECT_LE(report.machine.buffer_bytes, 40'000'000u);
  options.ram_bytes = 80'000'000;  // the reserve, and the buffer of decoding
  EXPECT_TRUE(Run(options).value().decode.empty());
}

TEST_F(BenchTest, SaysWhatIsWrong) {
  const auto what = [&](const measure::BenchOptions& options) {
    const auto report = Run(options);
    return report.ok() ? std::string() : report.error().what;
  };
  measure::BenchOptions options = Small();
  options.depth = {20000};
  EXPECT_NE(what(options).find("20000 tokens of context are more than the model's 10000"),
            std::string::npos);
  options = Small();
  options.model = folder_.File("none");
  EXPECT_NE(what(options).find(folder_.File("none")), std::string::npos);
  options = Small();
  const std::atomic<bool> stop{true};
  options.cancel = &stop;
  EXPECT_EQ(what(options), "stopped");
  EXPECT_EQ(Call({"bench", "--fill", "zeros"}).code, 2);
  EXPECT_EQ(Call({"bench", "--format", "xml"}).code, 2);
}

TEST_F(BenchTest, Forms) {
  const std::string svg = folder_.File("plot.svg");
  const Outcome done = Call({"bench", "-m", Model(), "--quick", "--depth", "0,1K", "--prefill",
                             "20", "--json", "--svg", svg, "--threads", "1"});
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

  measure::BenchReport report = Run(Small()).value();
  report.notes = {"a note"};
  EXPECT_NE(measure::BenchText(report, measure::BenchForm::kText).find("share of bandwidth"),
            std::string::npos);
  EXPECT_NE(measure::BenchText(report, measure::BenchForm::kMarkdown).find('|'), std::string::npos);
  EXPECT_NE(measure::BenchText(report, measure::BenchForm::kText).find("a note"),
            std::string::npos);
  const std::string csv = measure::BenchText(report, measure::BenchForm::kCsv);
  EXPECT_EQ(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')),
            1 + report.prefill.size() + report.decode.size());
}

}  // namespace
}  // namespace hadal::cli
