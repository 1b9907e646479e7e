#include "cli/inspect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <sstream>

#include "arch/inventory.h"
#include "base/json.h"
#include "cli/call_test.h"
#include "cli/quantize.h"
#include "io/file.h"
#include "io/safetensors.h"
#include "testing/temp_folder.h"

namespace hadal::cli {
namespace {

namespace fs = std::filesystem;
using Declared = io::SafetensorsWriter::Declared;

arch::Config SmallConfig() {
  arch::Config c;
  c.vocab_size = 40;
  c.hidden_size = 64;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 2;
  c.head_dim = 96;
  c.qk_rope_head_dim = 32;
  c.q_lora_rank = 32;
  c.o_groups = 2;
  c.o_lora_rank = 32;
  c.sliding_window = 16;
  c.index_n_heads = 2;
  c.index_head_dim = 32;
  c.index_topk = 4;
  c.moe_intermediate_size = 32;
  c.n_routed_experts = 2;
  c.num_experts_per_tok = 1;
  c.num_hash_layers = 1;
  c.swiglu_limit = 10;
  c.compress_ratios = {4, 128};
  c.max_position_embeddings = 1024;
  return c;
}

// A checkpoint of zeros; `change` may spoil the list of its tensors.
void WriteModel(const std::string& folder,
                const std::function<void(std::vector<Declared>&)>& change = {}) {
  fs::create_directories(folder);
  const arch::Config config = SmallConfig();
  ASSERT_TRUE(
      io::WriteFile(folder + "/config.json", arch::ConfigToJson(config, false).Dump()).ok());
  std::vector<Declared> tensors;
  for (const arch::TensorSpec& spec : arch::TensorsOf(config))
    tensors.push_back({spec.name, spec.trained() ? DType::kF32 : DType::kI64, spec.shape});
  if (change) change(tensors);
  auto writer = io::SafetensorsWriter::Create(folder + "/model.safetensors", tensors);
  ASSERT_TRUE(writer.ok());
  for (const Declared& tensor : tensors) {
    std::size_t bytes = DTypeBytes(tensor.dtype);
    for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
    ASSERT_TRUE(writer->Append(std::vector<std::byte>(bytes)).ok());
  }
  ASSERT_TRUE(writer->Finish().ok());
}

class InspectTest : public ::testing::Test {
 protected:
  // Out, then "error: ..." if there is one.
  static std::string Run(const InspectOptions& options) {
    std::ostringstream out;
    const Status done = Inspect(options, out);
    return done.ok() ? out.str() : out.str() + "error: " + done.error().what;
  }
  static Json RunJson(InspectOptions options) {
    options.json = true;
    std::ostringstream out;
    const Status done = Inspect(options, out);
    return ParseJson(out.str()).value();
  }
  std::string In() const { return folder_.File("in"); }

  testing::TempFolder folder_;
};

TEST_F(InspectTest, AddsUpComponentsAndDtypes) {
  WriteModel(In());
  const Json json = RunJson({.directory = In()});
  const std::int64_t tensors = *json.Find("tensors")->AsInt(), bytes = *json.Find("bytes")->AsInt();
  EXPECT_EQ(static_cast<std::size_t>(tensors), arch::TensorsOf(SmallConfig()).size());
  for (const char* key : {"components", "dtypes"}) {
    std::int64_t tensor_sum = 0, byte_sum = 0, parameter_sum = 0;
    for (const Json& row : *json.Find(key)->AsArray()) {
      tensor_sum += *row.Find("tensors")->AsInt();
      byte_sum += *row.Find("bytes")->AsInt();
      parameter_sum += *row.Find("parameters")->AsInt();
    }
    EXPECT_EQ(tensor_sum, tensors) << key;
    EXPECT_EQ(byte_sum, bytes) << key;
    EXPECT_EQ(parameter_sum, *json.Find("parameters")->Find("total")->AsInt()) << key;
  }
  EXPECT_TRUE(json.Find("problems")->AsArray()->empty());
  EXPECT_EQ(json.Find("tensor_list"), nullptr);
  EXPECT_EQ(*json.Find("config")->Find("hidden_size")->AsInt(), 64);

  const std::string text = Run({.directory = In()});
  for (const char* part :
       {"2 + 0 MTP: 0 window only, 1 of ratio 4, 1 of ratio 128", "hyper-connections", "F32",
        "Every tensor that config.json calls for is there."})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  EXPECT_EQ(text.find("error: "), std::string::npos);
}

TEST_F(InspectTest, ListsTensorsByName) {
  WriteModel(In());
  const std::string some = Run({.directory = In(), .filter = "layers.1.attn.compressor"});
  EXPECT_NE(some.find("layers.1.attn.compressor.ape"), std::string::npos);
  EXPECT_NE(some.find("[128, 96]"), std::string::npos);
  EXPECT_EQ(some.find("layers.1.attn.wkv"), std::string::npos);
  const Json all = RunJson({.directory = In(), .tensors = true});
  EXPECT_EQ(all.Find("tensor_list")->AsArray()->size(), arch::TensorsOf(SmallConfig()).size());
  const Json one = RunJson({.directory = In(), .filter = "embed"});
  ASSERT_EQ(one.Find("tensor_list")->AsArray()->size(), 1u);
  EXPECT_EQ((*one.Find("tensor_list")->AsArray())[0].Find("shape")->Dump(), "[40,64]");
  EXPECT_EQ(Run({.directory = In(), .filter = "nobody"}).find("no tensor has this in its name"),
            0u);
}

TEST_F(InspectTest, ShowsWhatItCanAndThenFails) {
  WriteModel(In(), [](std::vector<Declared>& tensors) {
    tensors[0].shape = {39, 64};  // embed.weight
    tensors.back().name = "a\\\nb";
  });
  const std::string text = Run({.directory = In(), .filter = "\\"});
  EXPECT_NE(text.find("problems:\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tensor \"embed.weight\": found F32 [39, 64], expected F32 [40, 64]"),
            std::string::npos);
  EXPECT_NE(text.find("no tensor \"head.weight\""), std::string::npos);
  EXPECT_NE(text.find(R"(found tensor "a\\\nb", which config.json does not call for)"),
            std::string::npos);
  EXPECT_NE(text.find("(and 2 more)"), std::string::npos);
  EXPECT_EQ(text.find("a\\\nb"), std::string::npos) << "a name must not break its line";
  EXPECT_EQ(RunJson({.directory = In()}).Find("problems")->AsArray()->size(), 3u);

  ASSERT_TRUE(io::WriteFile(In() + "/config.json", "{\"model_type\": \"llama\"}").ok());
  const std::string other = Run({.directory = In()});
  EXPECT_NE(other.find("embedding"), std::string::npos);
  EXPECT_NE(other.find("error: " + In() + ": config.json: model_type: found \"llama\""),
            std::string::npos)
      << other;
}

TEST_F(InspectTest, VerifyNamesNumbersThatAreNotFinite) {
  WriteModel(In());
  std::ostringstream ignored;
  ASSERT_TRUE(Quantize({.in = In(), .out = folder_.File("m"), .quiet = true}, ignored).ok());
  EXPECT_EQ(Run({.directory = folder_.File("m"), .verify = true, .quiet = true}).find("error: "),
            std::string::npos);
  const std::string path = folder_.File("m") + "/model.safetensors",
                    name = "layers.1.attn.wkv.weight";
  const std::uint64_t at = io::SafetensorsFile::Open(path)->tensors().at(name).begin;
  std::string bytes = *io::ReadFile(path);
  bytes[at + 66] = '\x7F';
  ASSERT_TRUE(io::WriteFile(path, bytes).ok());
  const InspectOptions verify{.directory = folder_.File("m"), .verify = true, .quiet = true};
  EXPECT_NE(Run(verify).find("error: " + path + ": tensor \"" + name +
                             "\": found 1 numbers that are not finite, at [1, 2]"),
            std::string::npos)
      << Run(verify);
  EXPECT_EQ(Run({.directory = folder_.File("m")}).find("error: "), std::string::npos);
}

TEST_F(InspectTest, SaysWhenThereIsNoCheckpoint) {
  EXPECT_EQ(Run({.directory = folder_.File("none")}).find("error: " + folder_.File("none")), 0u);
}

TEST_F(InspectTest, ListsOnlySoManyProblems) {
  WriteModel(In(), [](std::vector<Declared>& tensors) {
    for (std::size_t i = 0; i < tensors.size(); ++i) tensors[i].name = fmt::format("t{}", i);
  });
  const std::string text = Run({.directory = In()});
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 60);
  EXPECT_NE(text.find("  and "), std::string::npos);
}

TEST_F(InspectTest, QuantizeConvertsAndReports) {
  WriteModel(In());
  std::ostringstream out;
  const std::string to = folder_.File("out");
  ASSERT_TRUE(Quantize({.in = In(), .out = to, .json = true}, out).ok());
  const Json report = ParseJson(out.str()).value();
  EXPECT_LT(*report.Find("written_bytes")->AsInt(), *report.Find("read_bytes")->AsInt() / 2);
  const Json json = RunJson({.directory = to});
  EXPECT_TRUE(json.Find("problems")->AsArray()->empty());
  EXPECT_EQ(*json.Find("bytes")->AsInt(), *report.Find("written_bytes")->AsInt());
  // The parameters are the model's, however they are stored.
  EXPECT_EQ(json.Find("parameters")->Dump(),
            RunJson({.directory = In()}).Find("parameters")->Dump());
  std::int64_t parameters = 0;
  for (const Json& row : *json.Find("components")->AsArray())
    parameters += *row.Find("parameters")->AsInt();
  EXPECT_EQ(parameters, *json.Find("parameters")->Find("total")->AsInt());

  const Status again = Quantize({.in = In(), .out = to, .quiet = true}, out);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().what.find("--force"), std::string::npos);
  std::ostringstream text;
  ASSERT_TRUE(
      Quantize({.in = In(), .out = to, .to = "f32", .force = true, .quiet = true}, text).ok());
  EXPECT_NE(text.str().find("1 file,"), std::string::npos) << text.str();
  EXPECT_FALSE(Quantize({.in = In(), .out = to, .to = "q4"}, text).ok());
}

// The flags reach the options.
TEST_F(InspectTest, Flags) {
  WriteModel(In());
  const Outcome inspected = Call({"inspect", In(), "--filter", "none", "--json"});
  ASSERT_EQ(inspected.code, 0) << inspected.errors;
  EXPECT_EQ(ParseJson(inspected.out)->Find("tensor_list")->Dump(), "[]");
  EXPECT_EQ(Call({"inspect"}).code, 2);
  EXPECT_EQ(Call({"quantize", "a", "b", "--to", "q4"}).code, 2);
  EXPECT_EQ(Call({"quantize", In(), folder_.File("out"), "--to", "bf16", "--quiet"}).code, 0);
  EXPECT_TRUE(fs::exists(folder_.File("out") + "/config.json"));
}

}  // namespace
}  // namespace hadal::cli
