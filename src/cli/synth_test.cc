#include "cli/synth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "cache/small_shape_test.h"
#include "cli/call_test.h"
#include "cli/inspect.h"
#include "io/checkpoint.h"
#include "io/file.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

class SynthTest : public ::testing::Test {
 protected:
  SynthTest() {
    const Status written =
        io::WriteFile(folder_.File("c.json"), arch::ConfigToJson(cache::SmallShape(), true).Dump());
    HADAL_CHECK(written.ok());
  }
  testing::TempFolder folder_;
};

TEST_F(SynthTest, WritesACheckpointThatInspectAccepts) {
  std::ostringstream out, inspected;
  const Status done = Synth({.out = folder_.File("m"),
                             .shape = folder_.File("c.json"),
                             .changes = {.layers = 3, .experts = 12, .vocab = 50},
                             .json = true},
                            out);
  ASSERT_TRUE(done.ok()) << done.error().what;
  EXPECT_TRUE(Inspect({.directory = folder_.File("m"), .json = true}, inspected).ok());
  const Json found = ParseJson(inspected.str()).value();
  EXPECT_EQ(*found.Find("bytes")->AsInt(), *ParseJson(out.str()).value().Find("bytes")->AsInt());
  EXPECT_EQ(found.Find("config")->Find("compress_ratios")->Dump(), "[0,4,128]");
  EXPECT_EQ(*found.Find("config")->Find("n_routed_experts")->AsInt(), 12);
  EXPECT_EQ(*found.Find("config")->Find("vocab_size")->AsInt(), 50);
}

TEST_F(SynthTest, Flags) {
  const Outcome done = Call({"synth", folder_.File("m"), "--shape", folder_.File("c.json"),
                             "--ratios", "0,128", "--mtp", "--quiet", "--threads", "1"});
  ASSERT_EQ(done.code, 0) << done.errors;
  EXPECT_NE(done.out.find("in 1 file"), std::string::npos) << done.out;
  const Json config = ParseJson(io::ReadFile(folder_.File("m/config.json")).value()).value();
  EXPECT_EQ(config.Find("compress_ratios")->Dump(), "[0,128,0]");
  EXPECT_NE(done.out.find("experts chosen about even"), std::string::npos) << done.out;
  EXPECT_EQ(config.Find("hadal_synth")->Find("skew")->AsNumber(), 0);
  EXPECT_EQ(Call({"synth"}).code, 2);
  EXPECT_EQ(Call({"synth", "x", "--ratios", "0,5"}).code, 2);
  for (const char* skew : {"-0.1", "2.1", "nan", "much"})
    EXPECT_EQ(Call({"synth", folder_.File("x"), "--skew", skew}).code, 2) << skew;
}

// The share of a table's places that its most frequent expert has.
double HottestShare(const std::string& model) {
  const auto checkpoint = io::Checkpoint::Open(model).value();
  const auto table = checkpoint.Find("layers.0.ffn.gate.tid2eid").value();
  const auto* experts = reinterpret_cast<const std::int64_t*>(table.data.data());
  const std::size_t places = table.data.size() / sizeof(std::int64_t);
  std::map<std::int64_t, double> shares;
  double most = 0;
  for (std::size_t i = 0; i < places; ++i)
    most = std::max(most, shares[experts[i]] += 1 / static_cast<double>(places));
  return most;
}

TEST_F(SynthTest, ASkewHasHotExperts) {
  std::ostringstream out;
  const auto write = [&](const std::string& name, double skew) {
    return Synth({.out = folder_.File(name),
                  .shape = folder_.File("c.json"),
                  .changes = {.experts = 32, .vocab = 500},
                  .skew = skew,
                  .json = true},
                 out);
  };
  ASSERT_TRUE(write("even", 0).ok());
  ASSERT_TRUE(write("skewed", 1.5).ok());
  EXPECT_LT(HottestShare(folder_.File("even")), 0.06);
  EXPECT_GT(HottestShare(folder_.File("skewed")), 0.12);  // a sixth: every token has it
  const auto skewed = io::Checkpoint::Open(folder_.File("skewed")).value();
  const auto bias = skewed.Find("layers.3.ffn.gate.bias").value();
  const auto* values = reinterpret_cast<const float*>(bias.data.data());
  EXPECT_EQ(*std::max_element(values, values + 32), 0);
  EXPECT_LT(*std::min_element(values, values + 32), -1);
}

TEST_F(SynthTest, SaysWhatIsWrong) {
  std::ostringstream out;
  const auto what = [&](const SynthCommand& command) {
    const Status done = Synth(command, out);
    return done.ok() ? std::string() : done.error().what;
  };
  EXPECT_NE(what({.out = folder_.File("m"), .shape = "flush"}).find("--shape: found 'flush'"),
            std::string::npos);
  EXPECT_NE(what({.out = folder_.File("m"),
                  .shape = folder_.File("c.json"),
                  .changes = {.layers = 100000}})
                .find("num_hidden_layers"),
            std::string::npos);
  ASSERT_TRUE(io::WriteFile(folder_.File("bad.json"), "{").ok());
  EXPECT_NE(what({.out = folder_.File("m"), .shape = folder_.File("bad.json")}).find("bad.json"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_.File("m")));
}

}  // namespace
}  // namespace hadal::cli
