// `hadal bench`'s work on a small random model: every setting, its limits, what is left out.
#include "measure/bench.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cache/small_shape_test.h"
#include "convert/synth.h"
#include "engine/model_files.h"
#include "measure/bench_memory.h"
#include "testing/temp_folder.h"

namespace hadal::measure {
namespace {

class BenchTest : public ::testing::Test {
 protected:
  BenchTest() {
    arch::Config c = cache::SmallShape();
    c.vocab_size = 300;
    c.max_position_embeddings = 10000;
    Threads threads(2);
    HADAL_CHECK(convert::WriteRandomCheckpoint(arch::ChangeShape(c, {.layers = 4}).value(), Model(),
                                               {.write = {.quiet = true}}, threads)
                    .ok());
  }
  std::string Model() const { return folder_.File("m"); }
  BenchOptions Small() const {
    return {.model = Model(),
            .prefill = {40},
            .prefix = {200},
            .depth = {0, 1000},
            .threads = {1, 2},
            .batch = {1, 3},
            .chunk_tokens = 16,
            .sample_seconds = 0.001,
            .quick = true};
  }
  static Result<BenchReport> Run(const BenchOptions& options) {
    return RunBench(options, [](const std::string&) {});
  }
  testing::TempFolder folder_;
};

TEST_F(BenchTest, MeasuresEverySetting) {
  for (const bool random_fill : {true, false}) {
    BenchOptions options = Small();
    options.random_fill = random_fill;
    options.prefill_depth = {0, 300};
    const BenchReport report = Run(options).value();
    EXPECT_EQ(report.prefill.size(), 2u * 2u);
    ASSERT_EQ(report.prefix.size(), 2u);
    for (const PrefixFigure& f : report.prefix) {
      EXPECT_EQ(f.tokens, 200u);
      EXPECT_GT(f.kept_seconds.min, 0);
      EXPECT_GT(f.state_bytes, 0u);
      EXPECT_LT(f.again_tokens, 200u);
      EXPECT_EQ(f.again_tokens > 0, f.again_seconds.min > 0);
    }
    ASSERT_EQ(report.decode.size(), 2u * 2u * 2u);
    for (const DecodeFigure& f : report.decode) {
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
  BenchOptions options = Small();
  options.depth = {};
  options.threads = options.batch = {1};
  const BenchReport report = Run(options).value();
  ASSERT_EQ(report.decode.size(), 2u);
  EXPECT_EQ(report.decode[0].depth, 0u);
  EXPECT_EQ(report.decode[1].depth, 4096u);
  EXPECT_EQ(report.costs.back().depth, 4096u);
  EXPECT_EQ(kBenchDepths[5], 1u << 20);
}

// The last depth there is: what is measured ends with the model's context.
TEST_F(BenchTest, StaysWithinTheContext) {
  BenchOptions options = Small();
  options.depth = options.prefill_depth = {10000};
  options.threads = options.batch = {1};
  const BenchReport report = Run(options).value();
  ASSERT_EQ(report.prefill.size(), 1u);
  EXPECT_EQ(report.prefill[0].depth, 10000u);
  ASSERT_EQ(report.decode.size(), 1u);
  ASSERT_EQ(report.notes.size(), 2u);
  EXPECT_EQ(report.notes[0], "depth 10,000: measured from 9,960 on, to end within the context");
}

TEST_F(BenchTest, LeavesOutWhatDoesNotFit) {
  BenchOptions options = Small();
  options.ram_bytes = 1000;
  const BenchReport report = Run(options).value();
  EXPECT_TRUE(report.prefill.empty());
  EXPECT_TRUE(report.decode.empty());
  ASSERT_FALSE(report.notes.empty());
  EXPECT_NE(report.notes[0].find("prefill at depth 0: left out: needs "), std::string::npos);
  EXPECT_NE(report.notes[0].find("has 1.00 kB"), std::string::npos);
}

// Also what the machine is measured with counts against a budget.
TEST_F(BenchTest, KeepsToTheBudget) {
  BenchOptions options = Small();
  options.threads = options.batch = {1};
  options.ram_bytes = 160'000'000;
  const BenchReport report = Run(options).value();
  EXPECT_EQ(report.decode.size(), 2u);
  EXPECT_LE(report.machine.buffer_bytes, 40'000'000u);
  options.ram_bytes = 80'000'000;  // the reserve, and the buffer of decoding
  EXPECT_TRUE(Run(options).value().decode.empty());
}

// Beside weights that were read into memory the machine is measured with what is left.
TEST_F(BenchTest, MeasuresTheMachineWithinTheBudget) {
  BenchOptions options = Small();
  const model::Model model =
      model::Model::Load(
          engine::OpenCheckpoint(options.model, {.experts = engine::ExpertsFrom::kDisk}).value())
          .value();
  const std::uint64_t dense = model.checkpoint().resident_bytes();
  ASSERT_GT(dense, 0u);
  EXPECT_EQ(DiskTestBytes(options, model), std::uint64_t{64} << 20);
  options.ram_bytes = dense + 74'000'000;  // and 64 MB for the program
  EXPECT_EQ(MachineBufferBytes(options, model), 10'000'000u);
  EXPECT_EQ(DiskTestBytes(options, model), 10'000'000u);
}

TEST_F(BenchTest, SaysWhatIsWrong) {
  const auto what = [&](const BenchOptions& options) {
    const auto report = Run(options);
    return report.ok() ? std::string() : report.error().what;
  };
  BenchOptions options = Small();
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
}

// Experts from disk: what was held and read is said, and nothing of it where the model is mapped.
TEST_F(BenchTest, SaysWhatCameFromDisk) {
  BenchOptions options = Small();
  options.threads = {2};
  options.batch = {1};
  EXPECT_FALSE(Run(options)->decode[0].experts.has_value());
  options.experts = engine::ExpertsFrom::kDisk;
  const BenchReport report = Run(options).value();
  EXPECT_GT(report.experts, 0u);
  EXPECT_EQ(report.held_experts, report.experts);  // there is memory for all
  ASSERT_TRUE(report.machine.disk.has_value());
  for (const DecodeFigure& f : report.decode) {
    ASSERT_TRUE(f.experts.has_value());
    EXPECT_GT(f.experts->held, 0);
    EXPECT_LE(f.experts->held + f.experts->coming, 1);
    EXPECT_LE(f.experts->waiting, 1);
    EXPECT_GT(f.experts->hits, 0.9);  // nearly all were read by the prompt
    EXPECT_LE(f.experts->hits, 1);
    EXPECT_LE(f.experts->missed_bytes.sum(), f.experts->read_bytes_per_token * (1 + 1e-9));
    EXPECT_GT(f.experts->bound_tokens_per_s, 0);
  }
  const PrefillFigure& prefill = report.prefill[0];  // there is room for all: it computes
  EXPECT_NEAR(prefill.tokens_per_s.median / prefill.experts->bound_tokens_per_s,
              prefill.share_of_peak, 1e-6);
  EXPECT_EQ(report.routing.find("about even"), 0u) << report.routing;
  const std::string text = BenchText(report, BenchForm::kText);
  EXPECT_NE(text.find("experts held"), std::string::npos);
  EXPECT_NE(text.find("experts from disk"), std::string::npos);
  for (const char* key : {"\"read_bytes_per_token\"", "\"hits\"", "\"share_of_bound\""})
    EXPECT_NE(BenchJson(report).Dump().find(key), std::string::npos) << key;
}

// A run begins with what the last one learnt.
TEST_F(BenchTest, KeepsAProfileIfAsked) {
  BenchOptions options = Small();
  options.threads = {2};
  options.batch = {1};
  options.experts = engine::ExpertsFrom::kDisk;
  options.experts_profile = folder_.File("profile.json");
  ASSERT_TRUE(Run(options).ok());
  EXPECT_TRUE(std::filesystem::exists(options.experts_profile));
  EXPECT_FALSE(std::filesystem::exists(Model() + "/hadal-experts.json"));
}

}  // namespace
}  // namespace hadal::measure
