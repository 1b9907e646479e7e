#include "arch/quantization.h"

#include <gtest/gtest.h>

namespace hadal::arch {
namespace {

StorageRules Rules(const std::string& entry, Family family = Family::kTransformer) {
  const Json config =
      *ParseJson(R"({"expert_dtype": "fp4", "quantization_config": )" + entry + "}");
  auto rules = ReadStorage(config, nullptr, family);
  EXPECT_TRUE(rules.ok()) << rules.error().what;
  return rules.ok() ? *rules : StorageRules();
}

std::uint64_t Bytes(const StorageRules& rules, const char* name, std::uint64_t rows = 256,
                    std::uint64_t cols = 512) {
  const Module module{.name = name, .rows = rows, .cols = cols, .linear = true};
  return PackedBytes(rules.PackingOf(module), rows, cols);
}

constexpr std::uint64_t kRows = 256, kCols = 512, kNumbers = kRows * kCols;
constexpr std::uint64_t kSquares = 8;  // blocks of 128x128
constexpr const char* kUp = "model.layers.3.mlp.experts.0.up_proj";
constexpr const char* kQuery = "model.layers.3.self_attn.q_proj";

TEST(Packing, RoundsPartsOfBlocksUp) {
  EXPECT_EQ(PackedBytes(PackingOf(StoredFormat::kFp8Block128), 129, 129), 129u * 129 + 4);
  EXPECT_EQ(PackedBytes(PackingOf(StoredFormat::kFp4Block32), 3, 33), 50u + 3 * 2);
  EXPECT_EQ(PackedBytes(Nvfp4Packing(16), 2, 32), 32u + 4 + 8);
  EXPECT_EQ(PackedBytes({.number = Number::kInt,
                         .bits = 8,
                         .block_rows = 1,
                         .block_cols = kWhole,
                         .block_bits = 16},
                        7, 100),
            700u + 14);
}

TEST(Quantization, Fp8OfEachFamily) {
  const char* const entry = R"({"quant_method": "fp8", "activation_scheme": "dynamic",
      "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head", "mlp.gate"]})";
  EXPECT_EQ(Bytes(Rules(entry, Family::kMla), kQuery), kNumbers + kSquares * 4);
  EXPECT_EQ(Bytes(Rules(entry), kQuery), kNumbers + kSquares * 2);
  EXPECT_EQ(Bytes(Rules(entry), "lm_head"), 2 * kNumbers);
  EXPECT_EQ(Bytes(Rules(R"({"quant_method": "fp8", "activation_scheme": "static"})"), kQuery),
            kNumbers + 8);
}

// As Hugging Face's classes write them out again.
TEST(Quantization, WhatChangesNothingIsRead) {
  const std::uint64_t fp8 = kNumbers + kSquares * 2;
  EXPECT_EQ(Bytes(Rules(R"({"quant_method": "fp8", "fmt": "float8_e4m3fn", "dequantize": false,
      "weight_block_size": [128, 128]})"),
                  kQuery),
            fp8);
  EXPECT_EQ(Bytes(Rules(R"({"quant_method": "mxfp4", "dequantize": false})"), kUp),
            kNumbers / 2 + kNumbers / 32);
  for (const char* sparsity : {"{}", R"({"format": "dense", "registry_requires_subclass": false})"})
    EXPECT_EQ(Bytes(Rules(std::string(R"({"quant_method": "compressed-tensors",
        "format": "int-quantized", "config_groups": {"g": {"targets": ["Linear"], "weights":
        {"num_bits": 8, "strategy": "channel"}}}, "sparsity_config": )") +
                          sparsity + "}"),
                    kQuery),
              kNumbers + kRows * 2);
  const auto error = [](const char* entry) {
    const Json config =
        *ParseJson(std::string(R"({"expert_dtype": "fp4", "quantization_config": )") + entry + "}");
    const auto rules = ReadStorage(config, nullptr, Family::kTransformer);
    return rules.ok() ? std::string() : rules.error().what;
  };
  EXPECT_NE(
      error(R"({"quant_method": "mxfp4", "dequantize": true})").find("dequantize: found true"),
      std::string::npos);
  EXPECT_NE(error(R"({"quant_method": "compressed-tensors", "sparsity_config":
      {"format": "sparse-24-bitmask"}})")
                .find("sparsity_config: "),
            std::string::npos);
}

// Of a published V4 file, where matrices have forms of their own.
TEST(Quantization, V4ModulesThatWereNotConverted) {
  const StorageRules rules = Rules(R"({"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
      "weight_block_size": [128, 128], "activation_scheme": "dynamic", "dequantize": false,
      "modules_to_not_convert": ["layers.3.attn"]})",
                                   Family::kV4);
  Module module{.name = "layers.3.attn.wq_a",
                .rows = kRows,
                .cols = kCols,
                .linear = true,
                .packing = PackingOf(StoredFormat::kFp8Block128)};
  EXPECT_EQ(PackedBytes(rules.PackingOf(module), kRows, kCols), 2 * kNumbers);
  module.name = "layers.4.attn.wq_a";
  EXPECT_EQ(rules.PackingOf(module).number, Number::kFp8);
  module.name = "layers.3.attn.norm";
  module.linear = false;
  module.packing = PackingOf(StoredFormat::kF32);
  EXPECT_EQ(rules.PackingOf(module).number, Number::kF32);
}

// A word of eight numbers; a group's scale, and its zero point in a word of eight.
TEST(Quantization, AwqAndGptq) {
  const std::uint64_t groups = kRows * 4, packed = kNumbers / 2 + groups * 2 + groups / 2;
  EXPECT_EQ(Bytes(Rules(R"({"quant_method": "awq", "bits": 4, "group_size": 128,
                            "zero_point": true, "version": "gemm"})"),
                  kQuery),
            packed);
  const StorageRules gptq =
      Rules(R"({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": false})");
  EXPECT_EQ(Bytes(gptq, kQuery), packed + kCols * 4);  // and an index of groups
  EXPECT_EQ(Bytes(gptq, "lm_head"), 2 * kNumbers);
  EXPECT_EQ(Bytes(Rules(R"({"quant_method": "gptq", "bits": 8, "group_size": -1})"), kQuery),
            kNumbers + kRows * 3 + kCols * 4);
}

TEST(Quantization, Modelopt) {
  const StorageRules rules = Rules(R"({"quant_method": "modelopt", "quant_algo": "NVFP4",
      "config_groups": {}, "ignore": ["lm_head", "model.layers.*.self_attn*"]})");
  EXPECT_EQ(Bytes(rules, kUp), kNumbers / 2 + kNumbers / 16 + 8);
  EXPECT_EQ(Bytes(rules, kQuery), 2 * kNumbers);
  EXPECT_EQ(Bytes(rules, "lm_head"), 2 * kNumbers);
  const StorageRules mixed = Rules(R"({"quant_method": "modelopt",
      "quant_algo": "MIXED_PRECISION", "quantized_layers": {
        "model.layers.3.mlp.experts": {"quant_algo": "NVFP4", "group_size": 32},
        "model.layers.3.self_attn.q_proj": {"quant_algo": "FP8"}}})");
  EXPECT_EQ(Bytes(mixed, kUp), kNumbers / 2 + kNumbers / 32 + 8);
  EXPECT_EQ(Bytes(mixed, kQuery), kNumbers + 8);
  EXPECT_EQ(Bytes(mixed, "model.layers.4.self_attn.q_proj"), 2 * kNumbers);
}

TEST(Quantization, TheSideFileCountsWhereTheConfigSaysNothing) {
  const Json config = *ParseJson(R"({"torch_dtype": "bfloat16"})");
  const Json side = *ParseJson(R"({"producer": {"name": "modelopt"}, "quantization":
      {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}})");
  const auto rules = ReadStorage(config, &side, Family::kTransformer);
  ASSERT_TRUE(rules.ok()) << rules.error().what;
  EXPECT_EQ(Bytes(*rules, kQuery), kNumbers + 8);
  EXPECT_EQ(Bytes(*rules, "lm_head"), 2 * kNumbers);
  ASSERT_EQ(rules->notes.size(), 1u);
  EXPECT_NE(rules->notes[0].find("KV cache"), std::string::npos);
}

TEST(Quantization, CompressedTensors) {
  const auto group = [](const std::string& format, const std::string& weights,
                        const std::string& inputs = "null") {
    return Rules(R"({"quant_method": "compressed-tensors", "format": ")" + format +
                 R"(", "ignore": ["lm_head", "re:.*self_attn.*"], "config_groups": {"group_0":
                    {"targets": ["Linear"], "weights": )" +
                 weights + R"(, "input_activations": )" + inputs + "}}}");
  };
  const StorageRules packed = group("pack-quantized", R"({"num_bits": 4, "type": "int",
      "strategy": "group", "group_size": 32, "symmetric": true, "actorder": null})");
  EXPECT_EQ(Bytes(packed, kUp), kNumbers / 2 + kNumbers / 32 * 2 + 16);
  EXPECT_EQ(Bytes(packed, kQuery), 2 * kNumbers);
  EXPECT_EQ(Bytes(group("float-quantized", R"({"num_bits": 8, "type": "float",
      "strategy": "channel"})",
                        R"({"dynamic": true})"),
                  kUp),
            kNumbers + kRows * 2);
  EXPECT_EQ(Bytes(group("int-quantized", R"({"num_bits": 8, "type": "int",
      "strategy": "channel"})",
                        R"({"dynamic": true})"),
                  kUp),
            kNumbers + kRows * 2);
  EXPECT_EQ(Bytes(group("nvfp4-pack-quantized", R"({"num_bits": 4, "type": "float",
      "strategy": "tensor_group", "group_size": 16})",
                        R"({"dynamic": "local"})"),
                  kUp),
            kNumbers / 2 + kNumbers / 16 + 8);
}

// Published V4 files: what modelopt left alone lies as before.
TEST(Quantization, ExpertsOfV4) {
  const auto expert = [](const StorageRules& rules, const char* name) {
    const Module module{.name = name,
                        .rows = 256,
                        .cols = 512,
                        .linear = true,
                        .packing = PackingOf(StoredFormat::kFp4Block32)};
    return rules.PackingOf(module);
  };
  constexpr const char* kMain = "layers.0.ffn.experts.0.w1";
  constexpr const char* kDraft = "mtp.0.ffn.experts.0.w1";
  const StorageRules published = Rules(R"({"quant_method": "fp8"})", Family::kV4);
  EXPECT_EQ(expert(published, kMain), PackingOf(StoredFormat::kFp4Block32));
  for (const char* layers : {"", R"(, "quantized_layers":
           {"layers.0.ffn.experts": {"quant_algo": "NVFP4", "group_size": 16}})"}) {
    const StorageRules nvfp4 = Rules(R"({"quant_method": "fp8", "moe_quant_algo": "NVFP4",
        "quant_algo": "MIXED_PRECISION", "group_size": 16, "ignore": ["mtp.*", "head"])" +
                                         std::string(layers) + "}",
                                     Family::kV4);
    EXPECT_EQ(expert(nvfp4, kMain), Nvfp4Packing(16)) << layers;
    EXPECT_EQ(expert(nvfp4, kDraft), PackingOf(StoredFormat::kFp4Block32)) << layers;
    EXPECT_EQ(expert(nvfp4, "layers.0.ffn.shared_experts.w1"),
              PackingOf(StoredFormat::kFp4Block32));  // as it is given
  }
}

struct Refused {
  const char* entry;
  const char* says;
};

TEST(Quantization, RefusesByName) {
  const Refused cases[] = {
      {R"({})", "quantization_config: quant_method: found nothing, expected one of fp8, awq"},
      {R"({"quant_method": "bitsandbytes"})", "found \"bitsandbytes\", expected one of fp8, awq"},
      {R"({"quant_method": "fp8", "moe_quant_algo": "IQ3"})", "moe_quant_algo: found \"IQ3\""},
      {R"({"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e5m2"})", "fmt: found"},
      {R"({"quant_method": "awq", "bits": 3})", "bits: found 3, expected 4"},
      {R"({"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"x": {}}})",
       "dynamic: found an object"},
      {R"({"quant_method": "modelopt", "quant_algo": "W4A8_AWQ"})",
       "quant_algo: found \"W4A8_AWQ\", expected one of NVFP4, FP8"},
      {R"({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers":
          {"a": {"quant_algo": "NVFP4", "weight_scale_encoding": "csf"}}})",
       "quantized_layers: \"a\": weight_scale_encoding: found \"csf\", expected only quant_algo"},
      {R"({"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["[a]"]})",
       "ignore: found '[a]'"},
      {R"({"quant_method": "compressed-tensors", "format": "marlin-24", "config_groups": {}})",
       "format: found \"marlin-24\", expected one of pack-quantized"},
      {R"({"quant_method": "mxfp4", "bits": 4})", "bits: found 4, expected only quant_method"},
  };
  for (const Refused& c : cases) {
    const Json config = *ParseJson(R"({"quantization_config": )" + std::string(c.entry) + "}");
    const auto rules = ReadStorage(config, nullptr, Family::kTransformer);
    ASSERT_FALSE(rules.ok()) << c.entry;
    EXPECT_NE(rules.error().what.find(c.says), std::string::npos) << rules.error().what;
  }
}

}  // namespace
}  // namespace hadal::arch
