// Folders whose headers say what lies in them: data are not needed for counting.
#include "plan/folder_weights.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "cost/presets.h"
#include "io/file.h"
#include "plan/planned_model.h"
#include "testing/temp_folder.h"

namespace hadal::plan {
namespace {

// Two layers of a model small enough to list by hand.
const std::string kConfig = R"("model_type": "llama", "dtype": "bfloat16", "vocab_size": 10,
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1, "num_key_value_heads": 1,
    "intermediate_size": 64, "attention_bias": false, "mlp_bias": false,
    "tie_word_embeddings": false, "max_position_embeddings": 16)";

struct Tensor {
  std::string name, dtype;
  std::uint64_t bytes;
};
using Tensors = std::vector<Tensor>;

std::string Header(const Tensors& tensors) {
  Json json{Json::Object{}};
  std::uint64_t at = 0;
  for (const Tensor& t : tensors) {
    json.Set(t.name, Json::MakeObject({{"dtype", t.dtype},
                                       {"shape", Json::Array{t.bytes}},
                                       {"data_offsets", Json::Array{at, at + t.bytes}}}));
    at += t.bytes;
  }
  const std::string text = json.Dump();
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(text.size() >> (8 * i) & 255);
  return out + text;
}

// Everything in NVFP4 but embedding, norms and head; `prefix`: of all names.
Tensors Layer(int layer, const std::string& prefix = "model.") {
  const std::string at = prefix + "layers." + std::to_string(layer) + ".";
  Tensors tensors = {{at + "input_layernorm.weight", "BF16", 64},
                     {at + "post_attention_layernorm.weight", "BF16", 64}};
  for (const auto& [name, numbers] :
       std::map<std::string, std::uint64_t>{{"self_attn.q_proj", 1024},
                                            {"self_attn.k_proj", 1024},
                                            {"self_attn.v_proj", 1024},
                                            {"self_attn.o_proj", 1024},
                                            {"mlp.gate_proj", 2048},
                                            {"mlp.up_proj", 2048},
                                            {"mlp.down_proj", 2048}}) {
    tensors.push_back({at + name + ".weight", "U8", numbers / 2});
    tensors.push_back({at + name + ".weight_scale", "F8_E4M3", numbers / 16});
    tensors.push_back({at + name + ".weight_scale_2", "F32", 4});
    tensors.push_back({at + name + ".input_scale", "F32", 4});
  }
  return tensors;
}

Tensors Outer(const std::string& prefix = "model.") {
  return {{prefix + "embed_tokens.weight", "BF16", 640},
          {prefix + "norm.weight", "BF16", 64},
          {"lm_head.weight", "BF16", 640}};
}

Tensors operator+(Tensors a, const Tensors& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::uint64_t Sum(const Tensors& tensors) {
  std::uint64_t sum = 0;
  for (const Tensor& t : tensors) sum += t.bytes;
  return sum;
}

class Folder {
 public:
  explicit Folder(const std::string& quantization = "") {
    Write("config.json", "{" + kConfig + quantization + "}");
  }
  void Write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(io::WriteFile(path() + "/" + name, text).ok());
  }
  std::string path() const { return folder_.path(); }
  PlannedModel Plan() const {
    auto model = ModelFromPath(path());
    HADAL_CHECK(model.ok());
    return std::move(*model);
  }

 private:
  testing::TempFolder folder_;
};

std::string Index(const std::vector<std::pair<std::string, Tensors>>& shards, std::uint64_t total) {
  Json map{Json::Object{}};
  for (const auto& [shard, tensors] : shards)
    for (const Tensor& t : tensors) map.Set(t.name, shard);
  Json json = Json::MakeObject({{"weight_map", std::move(map)}});
  if (total > 0) json.Set("metadata", Json::MakeObject({{"total_size", total}}));
  return json.Dump();
}

std::uint64_t BytesOf(const PlannedModel& model, cost::Component component) {
  return cost::WeightBytesByComponent(model.cost)[static_cast<std::size_t>(component)];
}

TEST(FolderWeights, EqualTheSumOfTheStoredBytes) {
  const Tensors all = Outer() + Layer(0) + Layer(1);
  const Folder folder;  // the config says nothing of the quantisation
  folder.Write("model.safetensors", Header(all));
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), Sum(all));
  EXPECT_EQ(BytesOf(model, cost::Component::kFeedForward), 2u * 3 * (1024 + 128 + 8));
  EXPECT_EQ(BytesOf(model, cost::Component::kOther), 0u);
  for (const cost::WeightGroup& group : model.cost.weights)
    if (group.component == cost::Component::kFeedForward) {
      EXPECT_EQ(group.work, cost::Work::kFp4Experts);
    }
  EXPECT_EQ(cost::ParametersOf(model.cost).total,
            2u * 10 * 32 + 32 + 2 * (2 * 32 + 4 * 1024 + 3 * 2048));
}

// The config alone, which names the tool, comes to the same.
TEST(FolderWeights, TheConfigAloneCountsTheSame) {
  const Tensors all = Outer() + Layer(0) + Layer(1);
  const Folder config(R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "NVFP4", "ignore": ["lm_head"]})");
  EXPECT_EQ(cost::WeightBytes(config.Plan().cost), Sum(all));
  const Folder side;
  side.Write("hf_quant_config.json",
             R"({"quantization": {"quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}})");
  EXPECT_EQ(cost::WeightBytes(side.Plan().cost), Sum(all));
}

TEST(FolderWeights, OtherTensorsAreCountedApart) {
  const Tensors all = Outer() + Layer(0) + Layer(1) + Tensors{{"mtp.0.w.weight", "BF16", 100}};
  const Folder folder;
  folder.Write("model.safetensors", Header(all));
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), Sum(all));
  EXPECT_EQ(BytesOf(model, cost::Component::kOther), 100u);
  ASSERT_FALSE(model.cost.notes.empty());
  EXPECT_NE(model.cost.notes.back().find("100 bytes in 1 tensors are no part of the model"),
            std::string::npos);
}

TEST(FolderWeights, NamesWithoutAPrefixAreTheSame) {
  const Tensors all = Outer("") + Layer(0, "") + Layer(1, "");
  const Folder folder;
  folder.Write("model.safetensors", Header(all));
  EXPECT_EQ(cost::WeightBytes(folder.Plan().cost), Sum(all));
  EXPECT_EQ(BytesOf(folder.Plan(), cost::Component::kOther), 0u);
}

// An incomplete download: the index knows the whole.
TEST(FolderWeights, MissingShardsTakeTheRestOfTheTotal) {
  const Tensors here = Outer() + Layer(0), there = Layer(1);
  const Folder folder(R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "NVFP4", "ignore": ["lm_head"]})");
  folder.Write("model-00001-of-00002.safetensors", Header(here));
  folder.Write("model.safetensors.index.json", Index({{"model-00001-of-00002.safetensors", here},
                                                      {"model-00002-of-00002.safetensors", there}},
                                                     Sum(here) + Sum(there)));
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), Sum(here) + Sum(there));
  EXPECT_EQ(BytesOf(model, cost::Component::kFeedForward), 2u * 3 * (1024 + 128 + 8));
  ASSERT_FALSE(model.cost.notes.empty());
  EXPECT_NE(model.cost.notes.back().find("1 of 2 shards are here; "), std::string::npos);
}

TEST(FolderWeights, WithoutAnIndexTheShardsNamesSayThatSomeAreMissing) {
  const Folder folder(R"(, "quantization_config": {"quant_method": "modelopt",
      "quant_algo": "NVFP4", "ignore": ["lm_head"]})");
  folder.Write("model-00001-of-00002.safetensors", Header(Outer() + Layer(0)));
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), Sum(Outer() + Layer(0) + Layer(1)));
  EXPECT_NE(model.cost.notes.back().find("1 of 2 shards are here; without an index"),
            std::string::npos);
}

// A layer that is not there: the sum stays that of what is stored, and it is said.
TEST(FolderWeights, MissingModulesAreNamed) {
  const Tensors all = Outer() + Layer(0);
  const Folder folder;
  folder.Write("model.safetensors", Header(all));
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), Sum(all));
  EXPECT_NE(model.cost.notes.back().find("no tensor is named as 9 of the modules"),
            std::string::npos)
      << model.cost.notes.back();
}

// The tensors win, and what the config says of them is not exact.
TEST(FolderWeights, AConfigOfOtherWeightsIsNamed) {
  Tensors all = Outer() + Layer(0) + Layer(1);
  all[0].bytes -= 64;  // a row less
  const Folder folder;
  folder.Write("model.safetensors", Header(all));
  const PlannedModel model = folder.Plan();
  ASSERT_FALSE(model.cost.notes.empty());
  EXPECT_NE(model.cost.notes.back().find("'model.embed_tokens.weight' and those like it found 288, "
                                         "expected 320"),
            std::string::npos)
      << model.cost.notes.back();
  EXPECT_NE(NotExact({model}).find("the tensors are not those of config.json"), std::string::npos);
  const Folder twice;
  twice.Write("model.safetensors",
              Header(Outer() + Layer(0) + Layer(1) + Tensors{{"norm.weight", "BF16", 64}}));
  EXPECT_NE(twice.Plan().cost.notes.back().find("found 64, expected 32"), std::string::npos);
  Tensors half = Outer() + Layer(0) + Layer(1);  // twice a matrix in FP4 is as many bytes as 8-bit
  for (Tensor& t : half)
    if (t.dtype == "U8" && t.name.find("up_proj") != std::string::npos) t.bytes *= 2;
  const Folder wide;
  wide.Write("model.safetensors", Header(half));
  EXPECT_NE(wide.Plan().cost.notes.back().find("found 4,096, expected 2,048"), std::string::npos);
  const Folder missing;
  missing.Write("model.safetensors", Header(Outer() + Layer(0)));
  EXPECT_NE(NotExact({missing.Plan()}), "");
}

TEST(FolderWeights, WhatIsGuessedIsSaid) {
  const Folder folder(R"(, "quantization_config": {"quant_method": "bitsandbytes"})");
  folder.Write("model.safetensors", Header(Outer() + Layer(0) + Layer(1)));
  const PlannedModel model = folder.Plan();
  ASSERT_FALSE(model.cost.notes.empty());
  EXPECT_NE(model.cost.notes.back().find("bitsandbytes"), std::string::npos);
  EXPECT_NE(model.cost.notes.back().find("guessed from their types"), std::string::npos);
  EXPECT_NE(NotExact({model}).find("unknown format"), std::string::npos);
  const Folder known;
  known.Write("model.safetensors", Header(Outer() + Layer(0) + Layer(1)));
  EXPECT_EQ(NotExact({known.Plan()}), "");
}

// Of a tensor in two shards the index names one.
TEST(FolderWeights, TheIndexDecides) {
  const Tensors all = Outer() + Layer(0) + Layer(1), copy = {{"lm_head.weight", "F32", 9999}};
  const Folder folder;
  folder.Write("a.safetensors", Header(all));
  folder.Write("b.safetensors", Header(copy + Tensors{{"other", "BF16", 2}}));
  folder.Write("model.safetensors.index.json",
               Index({{"a.safetensors", all}, {"b.safetensors", {{"other", "BF16", 2}}}}, 0));
  EXPECT_EQ(cost::WeightBytes(folder.Plan().cost), Sum(all) + 2);
}

// As the engine reads it: without an index model.safetensors is all, whatever lies beside it.
TEST(FolderWeights, ASingleFileIsTheWholeModel) {
  const Tensors all = Outer() + Layer(0) + Layer(1);
  const Folder folder;
  folder.Write("model.safetensors", Header(all));
  folder.Write("model-00001-of-00002.safetensors", Header({{"lm_head.weight", "F32", 9999}}));
  EXPECT_EQ(cost::WeightBytes(folder.Plan().cost), Sum(all));
}

Json Without(const Json& config, const std::string& key) {
  Json left{Json::Object{}};
  for (const auto& [name, value] : *config.AsObject())
    if (name != key) left.Set(name, value);
  return left;
}

// What the engine runs, `plan` counts: FP8 Base releases leave expert_dtype out.
TEST(FolderWeights, AV4FolderWithoutExpertDtypeIsWhatItsTensorsAre) {
  const char* source = std::getenv("HADAL_SOURCE_DIR");
  if (source == nullptr) GTEST_SKIP() << "HADAL_SOURCE_DIR is not set";
  const PlannedModel preset = *FindModel("embedded");
  const Folder folder;
  folder.Write("config.json",
               Without(cost::FindPreset("embedded")->config(), "expert_dtype").Dump());
  std::filesystem::create_symlink(std::string(source) + "/models/embedded/model.safetensors",
                                  folder.path() + "/model.safetensors");
  const PlannedModel model = folder.Plan();
  EXPECT_EQ(cost::WeightBytes(model.cost), cost::WeightBytes(preset.cost));
  EXPECT_EQ(cost::WeightBytesByComponent(model.cost), cost::WeightBytesByComponent(preset.cost));
  EXPECT_EQ(cost::DecodeMacs(model.cost, 5000), cost::DecodeMacs(preset.cost, 5000));
  EXPECT_TRUE(model.cost.notes.empty());
  // The config alone does not tell.
  const auto alone = ModelFromPath(folder.path() + "/config.json");
  ASSERT_FALSE(alone.ok());
  EXPECT_NE(alone.error().what.find("expert_dtype: found nothing, expected one of fp4, fp8"),
            std::string::npos);
}

TEST(FolderWeights, BadFilesGiveOneLine) {
  const auto error = [](const std::string& shard) {
    const Folder folder;
    folder.Write("model.safetensors", shard);
    const auto model = ModelFromPath(folder.path());
    return model.ok() ? std::string() : model.error().what;
  };
  EXPECT_NE(error("short").find("model.safetensors: expected a safetensors file"),
            std::string::npos);
  EXPECT_NE(error("<!DOCTYPE html>").find("model.safetensors: found an HTML page"),
            std::string::npos);
  EXPECT_NE(error("no header at all").find("expected at most"), std::string::npos);
  EXPECT_NE(error(Header(Outer()).substr(0, 60)).find("was it cut short?"), std::string::npos);
  EXPECT_NE(error(Header({{"a", "BF16", 2}}).replace(20, 1, "!")), "");
}

}  // namespace
}  // namespace hadal::plan
